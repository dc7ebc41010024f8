// Package ignition converts user data for immutable Linux into Ignition.
package ignition

// Convert converts a text.
func Convert(file, text string) (string, error) { return text, nil }
