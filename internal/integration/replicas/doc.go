// Package replicas has a campaign mailed by several processes on one
// PostgreSQL, which are killed, frozen, told to stop and replaced at random
// while one of the vendors is out half of the time. The vendors' print log says
// what became of it.
package replicas
