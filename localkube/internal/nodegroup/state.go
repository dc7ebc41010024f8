package nodegroup

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/fairwayhq/fairway/localkube/internal/datadir"
)

// state is what survives the process.
type state struct {
	Launches  uint64                `json:"launches"`
	Groups    map[string]*Group     `json:"groups"`
	Templates map[string][]Template `json:"launch_templates"`
	Instances map[string]*record    `json:"instances"`
	Faults    Faults                `json:"faults"`
}

func readState(file string) (state, error) {
	st := state{
		Groups:    map[string]*Group{},
		Templates: map[string][]Template{},
		Instances: map[string]*record{},
	}
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return st, nil
	}
	if err != nil {
		return st, fmt.Errorf("read node groups: %w", err)
	}
	if err := json.Unmarshal(data, &st); err != nil {
		return st, fmt.Errorf("read node groups from %s: %w; restore the file, or delete it to start with no groups", file, err)
	}
	return st, nil
}

func (s *Service) save() error {
	data, err := json.Marshal(s.state)
	if err != nil {
		return fmt.Errorf("save node groups: %w", err)
	}
	if err := datadir.WriteFile(s.file, data, 0o600); err != nil {
		return fmt.Errorf("save node groups: %w", err)
	}
	return nil
}
