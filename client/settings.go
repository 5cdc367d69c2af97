package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/postproof/postproof/idempotency"
)

// What the ledger keeps beside jobs, their history and its counters is in its settings, by
// name:
//
//	log/                  the change log: its entries, and how far it has come
//	pauses                what is paused
//	canary/CAMPAIGN       whether the campaign was approved
//	counted/COUNTER       that a counter of a cap counts, and since when
//	replay/RUN            how far a replay is
//	recover/doubt         for how long new keys are looked up first
//	recover/number        the recoveries that there were
//	recover/deadlines     the largest deadlines of any client
//	erase/pending         what an erasure has begun
//	erase/artwork         when artwork was last deleted
//	spool/folders         where answers are spooled
//	undeliverable/        when a vendor's list was last imported
//	hint/                 what replicas tell each other
//
// Package client/callback has its own.

// readSetting reads a setting that is JSON, with its version: the zero value and 0 where
// there is none.
func readSetting[T any](ctx context.Context, c *Client, op, name string) (value T, version uint64, err error) {
	set, err := c.store.Setting(ctx, name)
	if err == nil {
		value, err = parseSetting[T](&set)
	}
	if err != nil {
		return value, 0, c.storeError(op, err)
	}
	return value, set.Version, nil
}

func parseSetting[T any](set *idempotency.Setting) (value T, err error) {
	if len(set.Value) > 0 {
		if err := json.Unmarshal(set.Value, &value); err != nil {
			return value, fmt.Errorf("its setting %q cannot be read: work with the newer version that wrote it; if there is none it is damaged: put a backup back, and Recover: %w", set.Name, errors.Join(idempotency.ErrCorrupt, err))
		}
	}
	return value, nil
}

// writing is the write of a setting that is of this version still.
func writing(name string, value any, version uint64) (idempotency.SettingWrite, error) {
	text, err := json.Marshal(value)
	return idempotency.SettingWrite{Name: name, Value: text, Expect: version}, err
}
