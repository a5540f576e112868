// The floor: the least that a process on this kernel can do for a pipelined GET. An epoll loop that
// counts the ends of requests and writes as many canned responses; it parses nothing and checks nothing.
// Usage: floor FILE_10 FILE_1000 (whole responses); prints "listening PORT", ends when stdin does.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define EVENTS_MAX 256
#define READ_BYTES (64 * 1024) // what libuv and uSockets read at once, or more
#define BLOCK_BYTES (64 * 1024) // copies in a row up to this: few iovecs, and still in the cache
#define PARTS_MAX 64            // iovecs of one write

struct canned {
  char *block; // `copies` responses in a row
  size_t length, copies;
};

struct connection {
  int fd;
  const struct canned *answer; // by its first request; a connection asks for one thing only
  unsigned seen;               // bytes of CRLFCRLF matched so far: a request may come in pieces
  size_t owed;                 // bytes not yet written
  int writing;                 // waits for room in the socket; reads nothing meanwhile
};

static struct canned answers[2];
static int poller;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static struct canned load(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) fail(path);
  fseek(file, 0, SEEK_END);
  struct canned one = {.length = (size_t)ftell(file)};
  rewind(file);
  one.copies = one.length < BLOCK_BYTES ? BLOCK_BYTES / one.length : 1;
  one.block = malloc(one.length * one.copies);
  if (!one.block || fread(one.block, 1, one.length, file) != one.length) fail(path);
  for (size_t i = 1; i < one.copies; i++)
    memcpy(one.block + i * one.length, one.block, one.length);
  fclose(file);
  return one;
}

static void drop(struct connection *c) {
  close(c->fd); // leaves the poller too
  free(c);
}

static void watch(struct connection *c, int writing) {
  if (c->writing == writing) return;
  struct epoll_event event = {.events = writing ? EPOLLOUT : EPOLLIN, .data.ptr = c};
  if (epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &event) < 0) fail("epoll_ctl");
  c->writing = writing;
}

// Writes what is owed, as much as the socket takes; 0 when the connection is gone.
static int flush_owed(struct connection *c) {
  const struct canned *a = c->answer;
  const size_t block = a->length * a->copies;
  while (c->owed > 0) {
    struct iovec parts[PARTS_MAX];
    // What is owed ends with a whole response, so its remainder says where the first one stands.
    size_t start = (a->length - c->owed % a->length) % a->length, left = c->owed;
    int count = 0;
    while (left > 0 && count < PARTS_MAX) {
      size_t bytes = block - start < left ? block - start : left;
      parts[count++] = (struct iovec){.iov_base = a->block + start, .iov_len = bytes};
      left -= bytes;
      start = 0;
    }
    ssize_t written = writev(c->fd, parts, count);
    if (written >= 0) c->owed -= (size_t)written;
    else if (errno == EAGAIN) break;
    else if (errno != EINTR) return 0;
  }
  watch(c, c->owed > 0);
  return 1;
}

static size_t count_ends(struct connection *c, const char *bytes, size_t length) {
  size_t ends = 0;
  const char *at = bytes, *end = bytes + length;
  while (at < end) {
    if (c->seen == 0 && !(at = memchr(at, '\r', (size_t)(end - at)))) break;
    char wanted = c->seen % 2 == 0 ? '\r' : '\n';
    c->seen = *at == wanted ? c->seen + 1 : *at == '\r' ? 1 : 0;
    at++;
    if (c->seen == 4) ends++, c->seen = 0;
  }
  return ends;
}

static int on_readable(struct connection *c) {
  static char bytes[READ_BYTES + 1];
  ssize_t length = read(c->fd, bytes, READ_BYTES);
  if (length < 0) return errno == EAGAIN || errno == EINTR;
  if (length == 0) return 0;
  if (!c->answer) {
    bytes[length] = 0;
    c->answer = &answers[strstr(bytes, "limit=1000") ? 1 : 0];
  }
  c->owed += count_ends(c, bytes, (size_t)length) * c->answer->length;
  return flush_owed(c);
}

static void accept_one(int listener) {
  int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), yes = 1;
  if (fd < 0) return;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  struct connection *c = calloc(1, sizeof *c);
  if (!c) fail("calloc");
  c->fd = fd;
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
  if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) < 0) fail("epoll_ctl");
}

int main(int argc, char **argv) {
  if (argc != 3) return fprintf(stderr, "usage: floor FILE_10 FILE_1000\n"), 2;
  signal(SIGPIPE, SIG_IGN); // a client that left is EPIPE, not the end
  answers[0] = load(argv[1]);
  answers[1] = load(argv[2]);

  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) < 0) fail("bind");
  if (listen(listener, 4096) < 0) fail("listen");
  if (getsockname(listener, (struct sockaddr *)&address, &size) < 0) fail("getsockname");

  poller = epoll_create1(EPOLL_CLOEXEC);
  struct connection accepting = {.fd = listener}, parent = {.fd = STDIN_FILENO};
  struct epoll_event on_accept = {.events = EPOLLIN, .data.ptr = &accepting};
  struct epoll_event on_parent = {.events = EPOLLIN, .data.ptr = &parent};
  if (epoll_ctl(poller, EPOLL_CTL_ADD, listener, &on_accept) < 0) fail("epoll_ctl");
  if (epoll_ctl(poller, EPOLL_CTL_ADD, STDIN_FILENO, &on_parent) < 0) fail("epoll_ctl");
  printf("listening %d\n", ntohs(address.sin_port));
  fflush(stdout);

  for (;;) {
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(poller, events, EVENTS_MAX, -1);
    for (int i = 0; i < count; i++) {
      struct connection *c = events[i].data.ptr;
      if (c == &parent) return 0;
      if (c == &accepting) accept_one(listener);
      else if (!(c->writing ? flush_owed(c) : on_readable(c))) drop(c);
    }
  }
}
