package render

import (
	"errors"
	"fmt"
	"math"
	"text/template"

	"k8s.io/apimachinery/pkg/api/resource"
)

var sizeFunctions = template.FuncMap{
	"asgSize":                   asgSize,
	"kubernetesSizeToKiloBytes": kiloBytes,
	"scaleQuantity":             scaleQuantity,
	"sumQuantities":             sumQuantities,
}

// asgSize is the share of one of n groups in a pool.
func asgSize(size int64, n int) (int, error) {
	if n == 0 {
		return 0, errors.New("cannot divide a pool by 0")
	}
	if int(size)%n != 0 {
		return 0, fmt.Errorf("pool size must be an exact multiple of %d: %d", n, size)
	}
	return int(size) / n, nil
}

// kiloBytes is a quantity scaled, in KB, rounded up.
func kiloBytes(quantity string, scale float64) (string, error) {
	q, err := resource.ParseQuantity(quantity)
	if err != nil {
		return "", err
	}
	bytes, ok := q.AsInt64()
	if !ok {
		return "", fmt.Errorf("not an integer quantity: %s", quantity)
	}
	return fmt.Sprintf("%.0fKB", math.Ceil(float64(bytes)/1024*scale)), nil
}

// sumQuantities adds quantities.
func sumQuantities(quantities ...string) (string, error) {
	var sum resource.Quantity
	for _, text := range quantities {
		q, err := resource.ParseQuantity(text)
		if err != nil {
			return "", fmt.Errorf("%q: %w", text, err)
		}
		sum.Add(q)
	}
	return sum.String(), nil
}

// scaleQuantity multiplies in float32, as the figures of existing
// configurations depend on its rounding; small decimal quantities become
// thousandths.
func scaleQuantity(quantity string, factor float32) (string, error) {
	if factor <= 0 {
		return "", fmt.Errorf("the factor must be greater than 0: %v", factor)
	}
	q, err := resource.ParseQuantity(quantity)
	if err != nil {
		return "", fmt.Errorf("%q: %w", quantity, err)
	}
	if q.Value() < 1024 && q.Format != resource.BinarySI {
		return resource.NewMilliQuantity(int64(float32(q.MilliValue())*factor), q.Format).String(), nil
	}
	return resource.NewQuantity(int64(float32(q.Value())*factor), q.Format).String(), nil
}
