// Package ignition converts user data for immutable Linux, written as
// Container Linux Config (*.clc.yaml) or Butane (*.bu.yaml), into Ignition 3.4.
// It is strict: what it does not know or cannot convert is an error with its
// line, and all errors are returned at once.
//
//	text, err := ignition.Convert(ignition.Source{File: "main/cluster/worker.clc.yaml", Text: rendered, Local: readFile})
package ignition
