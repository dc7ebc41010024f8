// Package auth finds out who calls: by static tokens, and by bearer tokens of
// OpenID Connect issuers (people's single sign-on, CI systems and the service
// accounts of Kubernetes clusters are all plain issuers). What a caller may do
// is bound to claims in one file and decided by fairway.Authorize.
//
//	a, err := auth.New(auth.Options{Access: access, Tokens: tokens, Now: time.Now})
//	principal, err := a.Authenticate(ctx, bearer)
package auth
