package etcd

import (
	"context"
	"fmt"
	"slices"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
)

// Status is the parameters of etcd.status.
type Status struct {
	Cluster Target `json:"cluster" kind:"etcd" example:"config" help:"Which cluster." ja:"対象のクラスター"`
}

// Member is one member as the cluster lists it and as it answers for itself.
type Member struct {
	Name     string   `json:"name" help:"Its name; its ID where it has none yet." ja:"名前。まだなければID"`
	ID       string   `json:"id" help:"Its ID." ja:"メンバーのID"`
	Endpoint string   `json:"endpoint" help:"The estate's endpoint that reaches it; empty when none does." ja:"このメンバーに届く、構成台帳のエンドポイント。なければ空"`
	Answers  bool     `json:"answers" help:"Whether it answered." ja:"応答したか"`
	Leader   bool     `json:"leader" help:"Whether it leads." ja:"リーダーか"`
	Learner  bool     `json:"learner" help:"Whether it only learns and has no vote." ja:"投票権のないラーナーか"`
	Version  string   `json:"version" help:"Version that it runs." ja:"稼働中のバージョン"`
	Follows  string   `json:"follows" help:"The member that it takes for the leader; empty for none." ja:"リーダーとみなしているメンバー。なければ空"`
	Term     int64    `json:"term" help:"Raft term that it is in." ja:"現在のRaftの任期（term）"`
	Behind   int64    `json:"behind" help:"Raft entries that the most advanced member has applied and it has not." ja:"最も進んだメンバーが適用済みで、このメンバーが未適用のRaftエントリー数"`
	DBBytes  int64    `json:"db_bytes" help:"Size of its database file." ja:"データベースファイルの大きさ"`
	InUse    int64    `json:"db_in_use_bytes" help:"How much of that is in use; the rest a defragmentation gives back." ja:"そのうち使用中の大きさ。残りはデフラグで解放できる"`
	Alarms   []string `json:"alarms" help:"What it complains of: NOSPACE, CORRUPT, no leader." ja:"発生中のアラーム。NOSPACE、CORRUPT、リーダー不在など"`
}

// State is a cluster as its members show it.
type State struct {
	ClusterID string   `json:"cluster_id" help:"The cluster's ID." ja:"クラスターのID"`
	Leader    string   `json:"leader" help:"The member that a majority follows in the newest term; empty when there is none." ja:"最新の任期で過半数が従うメンバー。なければ空"`
	Term      int64    `json:"term" help:"That term." ja:"その任期（term）"`
	Revision  int64    `json:"revision" help:"Highest revision that any member holds." ja:"いずれかのメンバーが持つ最大のリビジョン"`
	Members   []Member `json:"members" help:"All members, by name." ja:"全メンバー（名前ごと）"`
	Voters    int      `json:"voters" help:"Members with a vote." ja:"投票権のあるメンバーの数"`
	Answering int      `json:"answering" help:"How many of those answered." ja:"そのうち応答した数"`
	Agreeing  int      `json:"agreeing" help:"How many of those follow the leader in its term." ja:"そのうち、同じ任期でリーダーに従う数"`
	Learners  int      `json:"learners" help:"Members without a vote." ja:"投票権のないメンバーの数"`
	DBBytes   int64    `json:"db_bytes" help:"Size of the largest database file." ja:"最大のデータベースファイルの大きさ"`
	Alarms    []string `json:"alarms" help:"What any member complains of." ja:"いずれかのメンバーで発生中のアラーム"`
}

func status(ctx context.Context, p Status) (State, error) {
	all, shut, err := open(ctx, p.Cluster)
	if err != nil {
		return State{}, err
	}
	defer shut()
	return stateOf(ctx, p.Cluster, all)
}

// stateOf puts the answers together.
func stateOf(ctx context.Context, t Target, all []*endpoint) (State, error) {
	out := State{Members: []Member{}, Alarms: []string{}}
	reached, applied := map[uint64]*endpoint{}, uint64(0)
	var why error
	for _, e := range all {
		if e.status == nil {
			continue
		}
		id := fmt.Sprintf("%x", e.status.Header.ClusterId)
		if out.ClusterID != "" && out.ClusterID != id {
			return State{}, activities.RefusedBoth("%s: its endpoints belong to two clusters, %s and %s: correct them in the estate",
				"%s：エンドポイントが2つのクラスター（%s と %s）に属している。構成台帳を修正する", t.Name, out.ClusterID, id)
		}
		out.ClusterID = id
		reached[e.status.Header.MemberId] = e
		applied = max(applied, e.status.RaftAppliedIndex)
		out.Revision, out.Term = max(out.Revision, e.status.Header.Revision), max(out.Term, int64(e.status.RaftTerm))
		if len(out.Members) == 0 {
			why = out.list(ctx, t, e)
		}
	}
	if len(out.Members) == 0 {
		return State{}, why
	}
	names := map[uint64]string{}
	for i := range out.Members {
		names[out.Members[i].id()] = out.Members[i].Name
	}
	follow := map[string]int{}
	for i := range out.Members {
		m := &out.Members[i]
		if m.Learner {
			out.Learners++
		} else {
			out.Voters++
		}
		e := reached[m.id()]
		if e == nil {
			continue
		}
		s := e.status
		m.Endpoint, m.Answers, m.Version, m.Follows, m.Term = e.url, true, s.Version, names[s.Leader], int64(s.RaftTerm)
		m.Behind, m.DBBytes, m.InUse, m.Alarms = int64(applied-s.RaftAppliedIndex), s.DbSize, s.DbSizeInUse, append(m.Alarms, s.Errors...)
		out.DBBytes, out.Alarms = max(out.DBBytes, s.DbSize), append(out.Alarms, s.Errors...)
		if m.Learner {
			continue
		}
		out.Answering++
		if m.Follows != "" && m.Term == out.Term {
			follow[m.Follows]++
		}
	}
	slices.Sort(out.Alarms)
	out.Alarms = slices.Compact(out.Alarms)
	for name, n := range follow {
		if n > out.Voters/2 {
			out.Leader, out.Agreeing = name, n
		}
	}
	for i := range out.Members {
		out.Members[i].Leader = out.Members[i].Name == out.Leader
	}
	return out, nil
}

// list reads the members. An endpoint's own list is enough: one that a majority confirms is
// not to be had when there is none, which is when a status is wanted most.
func (s *State) list(ctx context.Context, t Target, e *endpoint) error {
	within, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	list, err := e.client.MemberList(within, clientv3.WithSerializable())
	if err != nil {
		return told(ctx, t.Name, e.url, err)
	}
	for _, m := range list.Members {
		name := m.Name
		if name == "" { // added, and not started yet
			name = fmt.Sprintf("%x", m.ID)
		}
		s.Members = append(s.Members, Member{Name: name, ID: fmt.Sprintf("%x", m.ID), Learner: m.IsLearner, Alarms: []string{}})
	}
	slices.SortFunc(s.Members, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

func (m Member) id() (id uint64) {
	_, _ = fmt.Sscanf(m.ID, "%x", &id)
	return id
}

func (s State) member(name string) (Member, bool) {
	i := slices.IndexFunc(s.Members, func(m Member) bool { return m.Name == name })
	if i < 0 {
		return Member{}, false
	}
	return s.Members[i], true
}

func (s State) names() string {
	var out []string
	for _, m := range s.Members {
		out = append(out, m.Name)
	}
	return strings.Join(out, ", ")
}

func (s State) silent() string {
	var out []string
	for _, m := range s.Members {
		if !m.Answers {
			out = append(out, m.Name)
		}
	}
	return strings.Join(out, ", ")
}

// readyCluster says which endpoints do not answer: while all is well, all do.
func readyCluster(ctx context.Context, t Target) ([]plan.Text, error) {
	all, shut, err := open(ctx, t)
	if err != nil {
		return nil, err
	}
	defer shut()
	var out []plan.Text
	for _, e := range all {
		if e.err != nil {
			out = append(out, activities.Lacking("%v: start that member, or correct the endpoint", "%v。メンバーを起動するか、エンドポイントを修正してください", e.err))
		}
	}
	return out, nil
}
