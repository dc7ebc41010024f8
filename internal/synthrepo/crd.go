package synthrepo

import (
	"fmt"
	"strings"
)

// base is the component that comes first: namespaces, priorities, the two large
// CustomResourceDefinitions.
func (m *maker) base(c component) {
	m.manifest(c, "namespaces.yaml", 2, `apiVersion: v1
kind: Namespace
metadata:
  name: visibility
  labels:
    environment: "{{ .Cluster.Environment }}"
---
apiVersion: v1
kind: Namespace
metadata:
  name: delivery
  labels:
    environment: "{{ .Cluster.Environment }}"
`)
	m.manifest(c, "priorities.yaml", 2, `# higher numbers win
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata:
  name: infrastructure-critical
description: what nodes and the network need
value: {{ .Cluster.ConfigItems.base_priority_critical }}
---
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata:
  name: infrastructure
description: everything else of the infrastructure
value: {{ .Cluster.ConfigItems.base_priority }}
`)
	m.defaults.add(c, "priority_critical", "2000000", "")
	m.defaults.add(c, "priority", "1000000", "")
	m.crd(c, "scalingpolicies", "ScalingPolicy")
	m.crd(c, "trafficroutes", "TrafficRoute")
}

// crd adds a definition of a kind whose schema is large.
func (m *maker) crd(c component, plural, kind string) {
	var b strings.Builder
	fmt.Fprintf(&b, `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: %[1]s.platform.example.org
  labels:
    application: kubernetes
    component: %[1]s
spec:
  group: platform.example.org
  names:
    kind: %[2]s
    listKind: %[2]sList
    plural: %[1]s
    singular: %[3]s
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    subresources:
      status: {}
    additionalPrinterColumns:
    - name: Target
      type: string
      jsonPath: .spec.targetRef.name
    schema:
      openAPIV3Schema:
        type: object
        description: %[4]s
        properties:
          apiVersion:
            type: string
          kind:
            type: string
          metadata:
            type: object
          status:
            type: object
            x-kubernetes-preserve-unknown-fields: true
          spec:
            type: object
            description: What is wanted.
            properties:
              targetRef:
                type: object
                required: [kind, name]
                properties:
                  apiVersion:
                    type: string
                  kind:
                    type: string
                  name:
                    type: string
              containers:
                type: array
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [name]
                items:
                  type: object
                  required: [name]
                  properties:
                    name:
                      type: string
                    minimum:
                      type: string
                    maximum:
                      type: string
`, plural, kind, strings.ToLower(kind), m.sentence(200))
	for i := 0; b.Len() < CRDBytes; i++ {
		m.schema(&b, fmt.Sprintf("section%d", i), strings.Repeat(" ", 14), 3)
	}
	m.manifest(c, plural+".yaml", 1, b.String())
}

// schema writes a field with what is below it.
func (m *maker) schema(b *strings.Builder, name, indent string, depth int) {
	fmt.Fprintf(b, "%s%s:\n%s  description: >-\n", indent, name, indent)
	for range 1 + m.rand.IntN(3) {
		fmt.Fprintf(b, "%s    %s\n", indent, m.sentence(60))
	}
	switch n := m.rand.IntN(6); {
	case depth > 0:
		fmt.Fprintf(b, "%s  type: object\n%s  properties:\n", indent, indent)
		for i := range 4 {
			m.schema(b, fmt.Sprintf("%s%c%d", words[m.rand.IntN(40)], 'A'+rune(i), i), indent+"    ", depth-1)
		}
	case n == 0:
		fmt.Fprintf(b, "%s  type: array\n%s  x-kubernetes-list-type: atomic\n%s  items:\n%s    type: string\n%s    maxLength: %d\n", indent, indent, indent, indent, indent, 63+m.rand.IntN(190))
	case n == 1:
		fmt.Fprintf(b, "%s  type: string\n%s  enum:\n%s  - Always\n%s  - IfNeeded\n%s  - \"Off\"\n", indent, indent, indent, indent, indent)
	case n == 2:
		fmt.Fprintf(b, "%s  type: integer\n%s  format: int32\n%s  minimum: 0\n%s  maximum: %d\n", indent, indent, indent, indent, 1+m.rand.IntN(65535))
	case n == 3:
		fmt.Fprintf(b, "%s  x-kubernetes-int-or-string: true\n%s  anyOf:\n%s  - type: integer\n%s  - type: string\n", indent, indent, indent, indent)
	case n == 4:
		fmt.Fprintf(b, "%s  type: string\n%s  pattern: '^[a-z0-9]([-a-z0-9]{0,%d}[a-z0-9])?$'\n", indent, indent, 20+m.rand.IntN(40))
	default:
		fmt.Fprintf(b, "%s  type: boolean\n%s  default: %t\n", indent, indent, m.rand.IntN(2) == 0)
	}
}
