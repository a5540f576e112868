// DEL, in Redis's protocol: all that the worker needs of a client.
package main

import (
	"bufio"
	"fmt"
	"net"
)

type redisConnection struct {
	socket net.Conn
	input  *bufio.Reader
}

func connectRedis(address string) (*redisConnection, error) {
	socket, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return &redisConnection{socket: socket, input: bufio.NewReader(socket)}, nil
}

func (redis *redisConnection) del(keys []string) error {
	request := fmt.Sprintf("*%d\r\n$3\r\nDEL\r\n", len(keys)+1)
	for _, key := range keys {
		request += fmt.Sprintf("$%d\r\n%s\r\n", len(key), key)
	}
	if _, err := redis.socket.Write([]byte(request)); err != nil {
		return err
	}
	reply, err := redis.input.ReadString('\n')
	if err != nil {
		return err
	}
	if reply[0] != ':' {
		return fmt.Errorf("DEL gave %q", reply)
	}
	return nil
}
