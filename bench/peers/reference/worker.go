// The worker: one command, one statement, one commit, one DEL of the lists, one commit of the offset.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/segmentio/kafka-go"
)

const insert = `INSERT INTO todos (id, title, description, completed, user_id, created_at, updated_at, revision)
VALUES ($1, $2, $3, false, $4, $5::timestamptz, $5::timestamptz, 1)
ON CONFLICT (id) DO NOTHING`

// Lists that may be in the cache.
var lists = []string{"todos:limit:10", "todos:limit:100", "todos:limit:1000"}

func runWorker(of settings) error {
	ctx := context.Background()
	database, err := pgxpool.New(ctx, of.databaseURL)
	if err != nil {
		return err
	}
	cache, err := connectRedis(of.redis)
	if err != nil {
		return err
	}
	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers:     of.brokers,
		Topic:       of.topic,
		GroupID:     "reference",
		StartOffset: kafka.FirstOffset,
	})
	fmt.Println("listening 0") // it serves nobody: it is ready
	for {
		// In a group, ReadMessage commits the offset of what it returns at once.
		message, err := reader.ReadMessage(ctx)
		if err != nil {
			return err
		}
		var todo command
		if err := json.Unmarshal(message.Value, &todo); err != nil {
			log.Printf("not a command, skipped: %v", err)
			continue
		}
		_, err = database.Exec(ctx, insert, todo.ID, todo.Title, todo.Description, todo.UserID, todo.CreatedAt)
		if err != nil {
			log.Printf("not applied: %v", err)
			continue
		}
		if err := cache.del(lists); err != nil {
			return err
		}
	}
}
