// Package cli is the command line of Fairway: commands, flags, help, output and
// exit codes. What a command starts is handed to it as functions.
//
//	command := cli.New(cli.Functions{Server: server, Demo: demo, Stdout: os.Stdout, Stderr: os.Stderr})
//	command.SetArgs(args)
//	err := command.ExecuteContext(ctx)
//	os.Exit(cli.Report(os.Stderr, err))
package cli
