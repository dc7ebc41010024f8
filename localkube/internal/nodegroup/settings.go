package nodegroup

import (
	"encoding/json"
	"fmt"
	"time"
)

// Settings of the simulated cloud.
type Settings struct {
	Seed   int64
	Region string
	Zones  []string
	// Boot is the time from launch to the Node, give or take BootSpread.
	Boot, BootSpread time.Duration
	// InServiceDelay is how long before or after the Node the InService
	// signal comes.
	InServiceDelay time.Duration
	// Shutdown is the time from Terminating to Terminated.
	Shutdown time.Duration
	// HealthCheck is how long the cloud takes to notice that an instance
	// vanished.
	HealthCheck time.Duration
}

// Duration is written like 1m30s in JSON and YAML.
type Duration time.Duration

// MarshalJSON writes it as Go does.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

// UnmarshalJSON reads it as Go does, and not below zero.
func (d *Duration) UnmarshalJSON(data []byte) error {
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("duration %s: write it like \"1m30s\"", data)
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		return fmt.Errorf("duration %q: write it like \"1m30s\"", s)
	}
	if v < 0 {
		return fmt.Errorf("duration %q is negative", s)
	}
	*d = Duration(v)
	return nil
}
