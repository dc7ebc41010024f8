// Package client speaks both APIs of a Fairway server: the fleet API and the
// registry API.
//
//	c, err := client.Find(client.Flags{Data: "fairway-data"})
//	if err != nil {
//		return err
//	}
//	clusters, err := c.Clusters(ctx, fairway.ClusterFilter{Channel: "beta"})
//
// Errors are fairway.Errors with the code, message and hint that the server
// gave; a server that cannot be reached is CodeUnavailable.
//
// A request whose answer is lost is sent again where that does nothing twice:
// reads, PUT and DELETE as they are, PATCH with an etag, POST with a key by
// which the server knows it again. A write with an etag may then answer
// CodePrecondition although its first attempt was carried out; ChangeCluster
// tells both apart.
package client
