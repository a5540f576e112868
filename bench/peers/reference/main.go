// A peer for npm run bench:writes: a server that says 202 before its broker has the command, and a worker
// that applies one command with each statement. It stands for the usual Go service, so that ours has
// something to be held against. Never run it for anything else.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
)

type settings struct {
	brokers     []string
	topic       string
	databaseURL string
	redis       string
	secret      []byte
}

// A todo as it travels from the server to the worker.
type command struct {
	Type        string `json:"type"`
	ID          string `json:"id"`
	Title       string `json:"title"`
	Description string `json:"description"`
	UserID      string `json:"user_id"`
	CreatedAt   string `json:"created_at"`
}

func main() {
	role := flag.String("role", "", "server or worker")
	brokers := flag.String("brokers", "", "host:port,…")
	topic := flag.String("topic", "", "the topic of the commands, which must be there")
	databaseURL := flag.String("database", "", "URL of Postgres, for the worker")
	redis := flag.String("redis", "", "host:port of Redis, for the worker")
	secret := flag.String("secret", "", "the key of the tokens (HS256), for the server")
	flag.Parse()
	log.SetFlags(0)
	// It ends with whoever started it, however that ends.
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	of := settings{
		brokers:     strings.Split(*brokers, ","),
		topic:       *topic,
		databaseURL: *databaseURL,
		redis:       *redis,
		secret:      []byte(*secret),
	}
	var err error
	switch *role {
	case "server":
		err = runServer(of)
	case "worker":
		err = runWorker(of)
	default:
		err = fmt.Errorf("-role takes server or worker, not %q", *role)
	}
	log.Fatal(err)
}
