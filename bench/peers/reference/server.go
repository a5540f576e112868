// The server: POST /todos, answered 202 as soon as the command is in the queue of the producer.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"
)

const (
	bodyBytesMax = 1 << 20
	titleMax     = 255
	// A batch is sent when it is this old, unless it is full before.
	batchTimeout = 10 * time.Millisecond
)

type creation struct {
	Title       string `json:"title"`
	Description string `json:"description"`
}

func runServer(of settings) error {
	writer := &kafka.Writer{
		Addr:         kafka.TCP(of.brokers...),
		Topic:        of.topic,
		Balancer:     &kafka.LeastBytes{},
		RequiredAcks: kafka.RequireOne,
		BatchTimeout: batchTimeout,
		// The answer does not wait for the broker, and does not learn what became of the command.
		Async: true,
		Completion: func(messages []kafka.Message, err error) {
			if err != nil {
				log.Printf("%d commands were not sent: %v", len(messages), err)
			}
		},
	}
	routes := http.NewServeMux()
	routes.HandleFunc("POST /todos", func(w http.ResponseWriter, r *http.Request) {
		createTodo(w, r, of.secret, writer)
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("listening %d\n", listener.Addr().(*net.TCPAddr).Port)
	return http.Serve(listener, routes)
}

func createTodo(w http.ResponseWriter, r *http.Request, secret []byte, writer *kafka.Writer) {
	userID, err := userOf(r.Header.Get("Authorization"), secret, time.Now())
	if err != nil {
		answer(w, http.StatusUnauthorized, map[string]string{"error": err.Error()})
		return
	}
	var todo creation
	err = json.NewDecoder(http.MaxBytesReader(w, r.Body, bodyBytesMax)).Decode(&todo)
	if err != nil || todo.Title == "" || len(todo.Title) > titleMax {
		answer(w, http.StatusBadRequest, map[string]string{"error": "a todo needs a title"})
		return
	}
	created := command{
		Type:        "CREATE",
		ID:          newID(),
		Title:       todo.Title,
		Description: todo.Description,
		UserID:      userID,
		CreatedAt:   time.Now().UTC().Format(time.RFC3339Nano),
	}
	value, err := json.Marshal(created)
	if err == nil {
		err = writer.WriteMessages(context.Background(), kafka.Message{Key: []byte(created.ID), Value: value})
	}
	if err != nil {
		answer(w, http.StatusInternalServerError, map[string]string{"error": err.Error()})
		return
	}
	answer(w, http.StatusAccepted, map[string]string{"id": created.ID, "status": "accepted"})
}

func answer(w http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		status = http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// A UUID of version 4.
func newID() string {
	var bytes [16]byte
	_, _ = rand.Read(bytes[:])
	bytes[6] = bytes[6]&0x0f | 0x40
	bytes[8] = bytes[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", bytes[:4], bytes[4:6], bytes[6:8], bytes[8:10], bytes[10:])
}
