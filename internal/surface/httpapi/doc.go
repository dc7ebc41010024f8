// Package httpapi serves Fairway over HTTP: the registry API of the ecosystem
// at / and the fleet API below /api/v1, whose OpenAPI document is /openapi.json.
//
//	handler := httpapi.New(httpapi.Options{Store: store, Log: log, Version: "v0.1.0", Authenticator: authenticator})
//	err := http.Serve(listener, handler)
//
// Everything but /healthz and /readyz needs a bearer token.
package httpapi
