// Package aws reads what rendering asks of an AWS account: images, instance
// types, networks, certificates, keys and stacks. All of its calls only read. It
// signs and sends the few requests itself, because the SDK's module of EC2 alone
// is most of the program.
//
//	account, err := aws.Open(ctx, aws.Options{Region: "eu-central-1"})
//	ids, err := account.Images(ctx, "Flatcar-stable-*", "075585003325")
package aws
