package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/muster-dr/muster/internal/channel"
)

// Channels counts what is said to people.
type Channels struct {
	messages *prometheus.CounterVec
	retries  *prometheus.CounterVec
	waiting  *prometheus.GaugeVec
	took     *prometheus.HistogramVec
}

var channelUpDesc = desc("muster_channel_up", "1 while a way to people works from this server; 0 while its messages wait, a look at it when idle found it dead, or what people do in Slack does not arrive.", "channel")

// ChannelStates adds whether channels work; anything but "ok" is that they do not.
func (m *Metrics) ChannelStates(state func() map[string]string) {
	m.registry.MustRegister(&cached{descs: []*prometheus.Desc{channelUpDesc}, read: func(_ context.Context, put putter) {
		for name, is := range state() {
			put(channelUpDesc, truth(is == "ok"), name)
		}
	}})
}

// Channels adds the figures of these channels. Every series exists at once.
func (m *Metrics) Channels(names ...string) *Channels {
	c := &Channels{
		messages: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "muster_channel_messages_total", Help: "Messages to people by what became of them: delivered, failed, or skipped as not needed any more.",
		}, []string{"channel", "matter", "outcome"}),
		retries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "muster_channel_retries_total", Help: "Attempts to deliver that failed and are made again.",
		}, []string{"channel"}),
		waiting: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "muster_channel_waiting", Help: "Messages that this server has still to deliver.",
		}, []string{"channel"}),
		took: prometheus.NewHistogramVec(nativeToo(prometheus.HistogramOpts{
			Name: "muster_channel_delivery_duration_seconds", Help: "Time from the first attempt to the outcome of a message.",
			Buckets: []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600},
		}), []string{"channel"}),
	}
	for _, name := range names {
		for _, matter := range channel.Matters() {
			for _, outcome := range []string{"delivered", "failed", "skipped"} {
				c.messages.WithLabelValues(name, string(matter), outcome)
			}
		}
		c.retries.WithLabelValues(name)
		c.waiting.WithLabelValues(name)
		c.took.WithLabelValues(name)
	}
	m.registry.MustRegister(c.messages, c.retries, c.waiting, c.took)
	return c
}

func (c *Channels) Delivered(name string, matter channel.Matter, outcome string, took time.Duration) {
	c.messages.WithLabelValues(name, string(matter), outcome).Inc()
	c.took.WithLabelValues(name).Observe(took.Seconds())
}

func (c *Channels) Retried(name string) { c.retries.WithLabelValues(name).Inc() }

func (c *Channels) Waiting(name string, by int) { c.waiting.WithLabelValues(name).Add(float64(by)) }
