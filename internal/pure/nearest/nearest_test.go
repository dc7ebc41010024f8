package nearest

import (
	"slices"
	"testing"
)

func TestTo(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, word string
		words      []string
		want       string
	}{
		{"one letter missing", "chanel", []string{"region", "channel", "alias"}, "channel"},
		{"swapped letters", "beat", []string{"dev", "alpha", "beta"}, "beta"},
		{"case does not count", "Node_Image", []string{"node_images", "node_image"}, "node_image"},
		{"the smallest of equally near ones", "pool_c", []string{"pool_b", "pool_a"}, "pool_a"},
		{"nothing is near", "zebra", []string{"dev", "alpha", "beta"}, ""},
		{"short words are not all alike", "abc", []string{"xyz", "dev"}, ""},
		{"no words", "abc", nil, ""},
		{"no word", "", []string{"dev"}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := To(tc.word, slices.Values(tc.words)); got != tc.want {
				t.Errorf("To(%q, %q) = %q, want %q", tc.word, tc.words, got, tc.want)
			}
			slices.Reverse(tc.words)
			if got := To(tc.word, slices.Values(tc.words)); got != tc.want {
				t.Errorf("in reverse order: %q, want %q", got, tc.want)
			}
		})
	}
}
