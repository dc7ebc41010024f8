// Package client speaks the fleet API of a Fairway server.
//
//	c, err := client.Find(client.Flags{Data: "fairway-data"})
//	if err != nil {
//		return err
//	}
//	clusters, err := c.Clusters(ctx, fairway.ClusterFilter{Channel: "beta"})
//
// Errors are fairway.Errors with the code, message and hint that the server
// gave; a server that cannot be reached is CodeUnavailable.
package client
