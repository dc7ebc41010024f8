package render

import "github.com/fairwayhq/fairway"

// Engine says whose bytes are wanted where engines differ.
type Engine string

// The engines. The zero value renders as the contract says: like the newest
// one, except where that one is random, broken or cannot render what exists.
const (
	EngineFairway Engine = ""
	// EngineHead is the newest state of the ecosystem's engine, without the
	// contract's corrections.
	EngineHead Engine = "head"
	// Engine2024 is the state of October 2024.
	Engine2024 Engine = "2024-10"
)

func (e Engine) check() error {
	switch e {
	case EngineFairway, EngineHead, Engine2024:
		return nil
	}
	return fairway.Errorf(fairway.CodeInvalid, "engine %q does not exist", e).WithHint("it is head or 2024-10; leave it out for the contract's own rules")
}
