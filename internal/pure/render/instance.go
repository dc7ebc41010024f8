package render

import (
	"fmt"
	"reflect"
	"strconv"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/fairwayhq/fairway"
)

// instanceView is .Values.InstanceInfo (contract 3.6).
type instanceView struct {
	InstanceType              string
	VCPU                      int32
	Memory                    int64 // bytes
	InstanceStorageDevices    int64
	InstanceStorageDeviceSize int64 // bytes
	Architecture              string
}

// AvailableStorage is the storage for data: a share of the instance's own
// disks, or of the root volume where there are none.
func (i instanceView) AvailableStorage(ownShare float64, rootSize int64, rootShare float64) int64 {
	if i.InstanceStorageDevices == 0 {
		return int64(rootShare * float64(rootSize))
	}
	return int64(ownShare * float64(i.InstanceStorageDevices*i.InstanceStorageDeviceSize))
}

// MemoryFraction is a percentage of the memory, in bytes.
func (i instanceView) MemoryFraction(percent int64) int64 { return i.Memory * percent / 100 }

// instanceTypes are the known types by name.
type instanceTypes map[string]instanceView

// newInstanceTypes reads the types that AWS describes. Those of neither
// architecture are left out.
func newInstanceTypes(list []InstanceType) (instanceTypes, error) {
	all := instanceTypes{}
	for _, t := range list {
		v := instanceView{InstanceType: t.Name, VCPU: t.VCPU, Memory: t.MemoryMiB << 20}
		for _, a := range t.Architectures {
			switch {
			case a == "x86_64":
				v.Architecture = "amd64"
			case a == "arm64" && v.Architecture == "":
				v.Architecture = "arm64"
			}
		}
		if v.Architecture == "" {
			continue
		}
		switch len(t.Disks) {
		case 0:
		case 1:
			v.InstanceStorageDevices, v.InstanceStorageDeviceSize = t.Disks[0].Count, t.Disks[0].SizeGB*1e9
		default:
			return nil, fairway.Errorf(fairway.CodeInvalid, "failed to fetch instance types from AWS: %s has %d sets of disks", t.Name, len(t.Disks))
		}
		all[t.Name] = v
	}
	return all, nil
}

func (all instanceTypes) info(name string) (instanceView, error) {
	v, ok := all[name]
	if !ok {
		return instanceView{}, fairway.Errorf(fairway.CodeInvalid, "unknown instance type: %s", name).
			WithHint("is it offered in the region of the cluster? Look-ups that were recorded before it was used have to be recorded again")
	}
	return v, nil
}

// synthetic describes what instances of any of the types have at least.
func (all instanceTypes) synthetic(names []string) (instanceView, error) {
	if len(names) == 0 {
		return instanceView{}, fairway.Errorf(fairway.CodeInvalid, "no instance types provided")
	}
	out, err := all.info(names[0])
	if err != nil || len(names) == 1 {
		return out, err
	}
	for _, name := range names[1:] {
		v, err := all.info(name)
		if err != nil {
			return instanceView{}, err
		}
		out.VCPU = min(out.VCPU, v.VCPU)
		out.Memory = min(out.Memory, v.Memory)
		out.InstanceStorageDevices = min(out.InstanceStorageDevices, v.InstanceStorageDevices)
		out.InstanceStorageDeviceSize = min(out.InstanceStorageDeviceSize, v.InstanceStorageDeviceSize)
	}
	out.InstanceType = "<multiple>"
	return out, nil
}

// typeName is the text of an argument that names an instance type.
func typeName(arg any) (string, error) {
	v := reflect.ValueOf(arg)
	if v.Kind() != reflect.String {
		return "", fmt.Errorf("an instance type is a text, not %T", arg)
	}
	return v.String(), nil
}

// instanceCPU is the number of processors of a type.
func (a *answers) instanceCPU(arg any) (string, error) {
	v, err := a.instance(arg)
	return strconv.Itoa(int(v.VCPU)), err
}

// instanceMemory is the memory of a type as a quantity.
func (a *answers) instanceMemory(arg any) (string, error) {
	v, err := a.instance(arg)
	return resource.NewQuantity(v.Memory, resource.BinarySI).String(), err
}

func (a *answers) instance(arg any) (instanceView, error) {
	name, err := typeName(arg)
	if err != nil {
		return instanceView{}, err
	}
	all, err := a.types()
	if err != nil {
		return instanceView{}, err
	}
	return all.info(name)
}
