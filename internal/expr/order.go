package expr

import (
	"cmp"
	"fmt"
	"slices"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/interpreter"
)

// ordered makes every map that an expression meets iterate in the order of its keys.
// CEL follows Go's random order, so that m.map(k, k) would differ at every replay.
type ordered struct{ types.Adapter }

func (o ordered) NativeToValue(v any) ref.Val {
	switch v := v.(type) {
	case orderedMap:
		return v
	case map[string]any:
		return orderedMap{types.NewStringInterfaceMap(o, v)}
	case map[ref.Val]ref.Val:
		return orderedMap{types.NewRefValMap(o, v)}
	case []any:
		return types.NewDynamicList(o, v)
	}
	return o.Adapter.NativeToValue(v)
}

type orderedMap struct{ traits.Mapper }

func (m orderedMap) Iterator() traits.Iterator {
	var keys []ref.Val
	for it := m.Mapper.Iterator(); it.HasNext() == types.True; {
		keys = append(keys, it.Next())
	}
	// By kind, then by value: keys of one map may be texts and numbers.
	slices.SortFunc(keys, func(a, b ref.Val) int {
		if c, ok := a.(traits.Comparer); ok && a.Type() == b.Type() {
			if n, ok := c.Compare(b).(types.Int); ok {
				return int(n)
			}
		}
		return cmp.Compare(a.Type().TypeName()+fmt.Sprint(a.Value()), b.Type().TypeName()+fmt.Sprint(b.Value()))
	})
	return types.NewRefValList(types.DefaultTypeAdapter, keys).Iterator()
}

// orderLiterals does the same for maps written in the expression, which CEL builds
// without asking its adapter.
func orderLiterals(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
	if c, ok := i.(interpreter.InterpretableConstructor); ok && c.Type() == types.MapType {
		return orderedLiteral{c}, nil
	}
	return i, nil
}

type orderedLiteral struct {
	interpreter.InterpretableConstructor
}

func (l orderedLiteral) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	return inOrder(l.InterpretableConstructor.Exec(frame))
}

func (l orderedLiteral) Eval(vars interpreter.Activation) ref.Val {
	return inOrder(l.InterpretableConstructor.Eval(vars))
}

func inOrder(v ref.Val) ref.Val {
	if m, ok := v.(traits.Mapper); ok {
		return orderedMap{m}
	}
	return v
}
