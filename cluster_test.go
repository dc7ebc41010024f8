package fairway_test

import (
	"fmt"
	"testing"

	"github.com/fairwayhq/fairway"
)

func TestClusterStatus_AddProblem(t *testing.T) {
	t.Parallel()
	var s fairway.ClusterStatus
	for range 3 {
		s.AddProblem("the same")
	}
	if len(s.Problems) != 1 {
		t.Errorf("adjacent equal problems are kept: %v", s.Problems)
	}
	for i := range 40 {
		s.AddProblem(fmt.Sprintf("problem %d", i))
	}
	if len(s.Problems) != 25 {
		t.Fatalf("%d problems are kept, want 25", len(s.Problems))
	}
	if first := s.Problems[0]; first.Type != fairway.ProblemTooMany || first.Title != "<multiple problems>" {
		t.Errorf("the oldest problem is %+v, want the one that stands for all dropped", first)
	}
	if last := s.Problems[24]; last.Title != "problem 39" || last.Type != fairway.ProblemGeneral {
		t.Errorf("the newest problem is %+v", last)
	}
	// The one that stands for the dropped ones stays the only one of its kind.
	s.AddProblem("one more")
	for i, p := range s.Problems {
		if (p.Type == fairway.ProblemTooMany) != (i == 0) {
			t.Errorf("problem %d is of type %s", i, p.Type)
		}
	}
}
