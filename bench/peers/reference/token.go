// The check of a bearer token: a JWT that is signed with HS256 and has not expired.
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"
)

var errToken = errors.New("the token is not valid")

// The user that the token names.
func userOf(authorization string, secret []byte, now time.Time) (string, error) {
	token, isBearer := strings.CutPrefix(authorization, "Bearer ")
	parts := strings.Split(token, ".")
	if !isBearer || len(parts) != 3 {
		return "", errToken
	}
	var header struct {
		Algorithm string `json:"alg"`
	}
	if err := decode(parts[0], &header); err != nil || header.Algorithm != "HS256" {
		return "", errToken
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(parts[0] + "." + parts[1]))
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || !hmac.Equal(signature, mac.Sum(nil)) {
		return "", errToken
	}
	var claims struct {
		Subject string `json:"sub"`
		Expires int64  `json:"exp"`
	}
	if err := decode(parts[1], &claims); err != nil || claims.Expires <= now.Unix() {
		return "", errToken
	}
	return claims.Subject, nil
}

func decode(part string, into any) error {
	bytes, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(bytes, into)
}
