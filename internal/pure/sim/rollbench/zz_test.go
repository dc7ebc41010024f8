package rollbench
import ("testing";"os";"strconv";"time")
func TestZZ(t *testing.T){
 seed,_:=strconv.ParseUint(os.Getenv("SEED"),10,64); if seed==0 {seed=1}
 all:=standard(t)
 for _,s:=range all { if id:=os.Getenv("ID"); id!="" && s.ID!=id {continue}
  if os.Getenv("DEF")!="" {s=s.WithDefaults()}
  b:=time.Now(); r:=Run(s,seed)
  t.Logf("%-20s %-7s %8.1f lb %8.1f ratio %.4f old %d blk %d nnr %d sched %.3f app %.2f viol %d unsafe %d ev %d ref %d dec %d %s why=%.80s left=%s",r.Scenario,r.Outcome,r.Seconds,r.LowerBoundSeconds,r.Ratio,r.OldLeft,len(r.Blocked),r.NewNotReady,r.MinSchedulableFraction,r.MinAppAvailable,r.PDBViolations,r.UnsafeVolumes,r.Evictions,r.EvictionsRefused,r.Decisions,time.Since(b).Round(time.Millisecond),r.Why,r.LeftBehind)
 }
}
