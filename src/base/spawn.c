#define _GNU_SOURCE
#include "base/base.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/interrupt.h"
#include "base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
  KILL_GRACE_MS = 5000,
  DRAIN_MS = 1000, /* how long output of others is read after the child has ended */
  GROUPS_MAX = 256,
};

extern char **environ;

/* Environment of the child: ours, changed as spec->env says. */
static char **child_env(struct arena *arena, const char *const *changes)
{
  VEC(char *) env = {0};
  for (char **e = environ; *e; e++) {
    size_t name_len = strcspn(*e, "=");
    bool replaced = false;
    for (size_t i = 0; changes && changes[i]; i++)
      replaced = replaced ||
                 (strcspn(changes[i], "=") == name_len && strncmp(changes[i], *e, name_len) == 0);
    if (!replaced)
      vec_push(arena, &env, *e);
  }
  for (size_t i = 0; changes && changes[i]; i++)
    if (strchr(changes[i], '='))
      vec_push(arena, &env, arena_strdup(arena, changes[i]));
  vec_push(arena, &env, NULL);
  return env.at;
}

/* Who the child becomes. Looked up before the fork: between fork and exec another thread's locks
 * may be held for ever. */
struct identity {
  bool change;
  uid_t uid;
  gid_t gid, groups[GROUPS_MAX];
  int group_count;
};

static int find_identity(const char *user, struct identity *ret, struct err *err)
{
  *ret = (struct identity){.group_count = GROUPS_MAX};
  if (!user || geteuid() != 0)
    return 0;
  struct passwd *pw = getpwnam(user);
  if (!pw)
    return err_set(err, ERR_USAGE, "there is no user %s to run a program as", user);
  ret->change = true;
  ret->uid = pw->pw_uid;
  ret->gid = pw->pw_gid;
  if (getgrouplist(user, pw->pw_gid, ret->groups, &ret->group_count) < 0)
    return err_set(err, ERR_USAGE, "user %s is in more than %d groups", user, GROUPS_MAX);
  return 0;
}

static bool become(const struct identity *who)
{
  return !who->change || (setgroups((size_t)who->group_count, who->groups) == 0 &&
                          setgid(who->gid) == 0 && setuid(who->uid) == 0);
}

struct child_fds {
  int in, out, err; /* what becomes 0, 1, 2; -1 = inherit */
  int status;       /* close-on-exec pipe: errno of a failed exec */
};

struct child {
  const struct spawn *spec;
  char **env;
  const char *program;
  struct identity who;
};

static void usual_signals(void)
{
  static const int changed[] = {SIGPIPE, SIGINT, SIGTERM, SIGCHLD};
  for (size_t i = 0; i < COUNT_OF(changed); i++)
    signal(changed[i], SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

static bool becomes(int fd, int number)
{
  if (fd == number)
    return fcntl(fd, F_SETFD, 0) == 0; /* dup2 would leave it close-on-exec */
  return fd < 0 || dup2(fd, number) >= 0;
}

/* Between fork and exec: async-signal-safe functions only. */
NORETURN static void run_child(const struct child *child, struct child_fds fds)
{
  const struct spawn *spec = child->spec;
  usual_signals();
  if (spec->own_group)
    setpgid(0, 0);
  if (becomes(fds.in, 0) && becomes(fds.out, 1) && becomes(fds.err, 2) && become(&child->who) &&
      (!spec->dir || chdir(spec->dir) == 0))
    execve(child->program, (char *const *)(uintptr_t)spec->argv, child->env);
  int cause = errno ? errno : EPERM;
  ssize_t ignored = write(fds.status, &cause, sizeof(cause));
  UNUSED(ignored);
  _exit(127);
}

static bool is_program(const char *path)
{
  struct stat st;
  return access(path, X_OK) == 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

char *spawn_find(struct arena *arena, const char *program)
{
  if (strchr(program, '/'))
    return is_program(program) ? arena_strdup(arena, program) : NULL;
  const char *path = getenv("PATH");
  for (const char *p = path ? path : "/usr/bin:/bin"; p;) {
    size_t len = strcspn(p, ":");
    char *candidate = arena_printf(arena, "%.*s/%s", (int)len, p, program);
    if (len && is_program(candidate))
      return candidate;
    p = p[len] ? p + len + 1 : NULL;
  }
  return NULL;
}

/* Waits for the word of the child that exec failed (its errno), or for the silence of one that
 * worked. */
static int exec_failure(int status_fd)
{
  int cause = 0;
  ssize_t n;
  do
    n = read(status_fd, &cause, sizeof(cause));
  while (n < 0 && errno == EINTR);
  return n == (ssize_t)sizeof(cause) ? cause : 0;
}

static int prepare(struct arena *arena, const struct spawn *spec, struct child *ret,
                   struct err *err)
{
  *ret = (struct child){.spec = spec};
  const char *program = spawn_find(arena, spec->argv[0]);
  if (!program) {
    err_set(err, ERR_USAGE, "cannot run %s: no such program", spec->argv[0]);
    return err_hint(err, "Check the name, or add its directory to PATH.");
  }
  ret->program = fs_absolute(arena, program); /* it was found from here, not from spec->dir */
  ret->env = child_env(arena, spec->env);
  return find_identity(spec->as_user, &ret->who, err);
}

/* Forks and execs; a failed exec is reported here as an error, not as exit code 127. */
static int launch(const struct spawn *spec, struct child_fds fds, pid_t *ret_pid, struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  struct child child;
  int status[2];
  if (prepare(arena, spec, &child, err) < 0)
    return -1;
  if (pipe2(status, O_CLOEXEC) < 0)
    return err_errno(err, ERR_UNEXPECTED, "pipe");
  fds.status = status[1];
  pid_t pid = fork();
  if (pid == 0)
    run_child(&child, fds);
  int fork_errno = errno;
  close(status[1]);
  if (pid > 0 && spec->own_group)
    setpgid(pid, pid);
  int cause = pid > 0 ? exec_failure(status[0]) : fork_errno;
  close(status[0]);
  if (cause) {
    if (pid > 0)
      waitpid(pid, NULL, 0);
    errno = cause;
    return err_errno(err, pid > 0 ? ERR_USAGE : ERR_UNEXPECTED, "cannot run %s", spec->argv[0]);
  }
  *ret_pid = pid;
  return 0;
}

static int exit_code_of(int wait_status)
{
  return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

struct watch {
  pid_t pid;
  bool group;
  int64_t deadline_ms, kill_at_ms;
  int signals_seen; /* of interrupt_count */
  bool timed_out, ending;
};

static void send_signal(const struct watch *w, int signo)
{
  kill(w->group ? -w->pid : w->pid, signo);
}

static void begin_ending(struct watch *w, int64_t kill_after_ms)
{
  if (!w->ending)
    w->kill_at_ms = clock_monotonic_ms() + kill_after_ms;
  w->ending = true;
}

/* Time limits and signals of ours, turned into signals for the child. */
static void watch_tick(struct watch *w)
{
  int64_t now = clock_monotonic_ms();
  if (interrupt_count() != w->signals_seen) {
    w->signals_seen = interrupt_count();
    int signo = interrupt_pending();
    if (w->group || signo == SIGTERM) /* the terminal sends SIGINT to all of its group itself */
      send_signal(w, signo);
    begin_ending(w, KILL_GRACE_MS * 2);
  }
  if (w->deadline_ms && now >= w->deadline_ms && !w->timed_out) {
    w->timed_out = true;
    send_signal(w, SIGTERM);
    begin_ending(w, KILL_GRACE_MS);
  }
  if (w->ending && now >= w->kill_at_ms) {
    send_signal(w, SIGKILL);
    w->kill_at_ms = now + KILL_GRACE_MS;
  }
}

/* The child has ended, but others of a group that had to be ended may not have. */
static void end_group(const struct watch *w)
{
  if (!w->group || !w->ending)
    return;
  while (kill(-w->pid, 0) == 0 && clock_monotonic_ms() < w->kill_at_ms)
    clock_sleep_ms(20);
  kill(-w->pid, SIGKILL);
}

static void take_output(struct text *output, const char *bytes, size_t len)
{
  size_t room = SPAWN_OUTPUT_MAX - output->len;
  text_append(output, bytes, len < room ? len : room);
}

/* One read when there is something within wait_ms. False: nothing there; *out becomes -1 at the
 * end. */
static bool read_some(int *out, int wait_ms, struct text *output)
{
  if (*out < 0) {
    clock_sleep_ms(wait_ms);
    return false;
  }
  struct pollfd p = {.fd = *out, .events = POLLIN};
  int ready = poll(&p, 1, wait_ms);
  if (ready <= 0)
    return ready < 0 && errno == EINTR;
  char buf[8192];
  ssize_t n = read(*out, buf, sizeof(buf));
  if (n > 0)
    take_output(output, buf, (size_t)n);
  else if (n == 0 || errno != EINTR)
    *out = -1;
  return *out >= 0;
}

/* Reads the captured output until the child has ended and the pipe is dry. */
static int attend(struct watch *w, int out, struct text *output, int *ret_status, struct err *err)
{
  enum { TICK_MS = 20 };
  for (pid_t got = 0; got != w->pid;) {
    read_some(&out, TICK_MS, output);
    watch_tick(w);
    got = waitpid(w->pid, ret_status, WNOHANG);
    if (got < 0 && errno != EINTR)
      return err_errno(err, ERR_UNEXPECTED, "waiting for process %d", (int)w->pid);
  }
  end_group(w);
  int64_t until = clock_monotonic_ms() + DRAIN_MS; /* somebody may still hold the pipe and write */
  while (out >= 0 && read_some(&out, 0, output) && clock_monotonic_ms() < until)
    ;
  return 0;
}

/* -1 = inherit. The bytes go through memory with a name: a pipe could be full before the child
 * reads. */
static int stdin_for(const struct spawn *spec, int *ret_fd, struct err *err)
{
  *ret_fd = -1;
  if (spec->inherit_stdin)
    return 0;
  size_t len = spec->input ? strlen(spec->input) : 0;
  if (len > SPAWN_INPUT_MAX)
    return err_set(err, ERR_UNEXPECTED, "cannot run %s: more than %d bytes for its stdin",
                   spec->argv[0], SPAWN_INPUT_MAX);
  int fd =
      spec->input ? memfd_create("stdin", MFD_CLOEXEC) : open("/dev/null", O_RDONLY | O_CLOEXEC);
  *ret_fd = fd;
  if (fd < 0)
    return err_errno(err, ERR_UNEXPECTED, "stdin of %s", spec->argv[0]);
  if (len && (fs_write_all(fd, spec->input, len, err) < 0 || lseek(fd, 0, SEEK_SET) < 0))
    return err_errno(err, ERR_UNEXPECTED, "stdin of %s", spec->argv[0]);
  return 0;
}

/* A process group in the background is stopped when it reads the terminal: the child's is put in
 * the foreground while it runs, and then ours again. */
static bool lend_terminal(const struct spawn *spec, pid_t pid)
{
  if (!spec->own_group || !spec->inherit_stdin || !isatty(0) || tcgetpgrp(0) != getpgrp())
    return false;
  return tcsetpgrp(0, pid) == 0;
}

static void take_terminal_back(void)
{
  struct sigaction ignore = {.sa_handler = SIG_IGN}, old;
  sigemptyset(&ignore.sa_mask);
  sigaction(SIGTTOU, &ignore, &old); /* we are in the background now */
  (void)tcsetpgrp(0, getpgrp());
  sigaction(SIGTTOU, &old, NULL);
}

int spawn_run(struct arena *arena, const struct spawn *spec, struct spawn_result *ret_result,
              struct err *err)
{
  CLEANUP(close_fd) int in = -1;
  int out[2] = {-1, -1}, status = 0;
  struct watch w = {.group = spec->own_group,
                    .signals_seen = spec->after_interrupt ? interrupt_count() : 0};
  if (stdin_for(spec, &in, err) < 0)
    return -1;
  if (spec->capture && pipe2(out, O_CLOEXEC) < 0)
    return err_errno(err, ERR_UNEXPECTED, "pipe");
  CLEANUP(close_fd) int read_end = out[0];
  int launched =
      launch(spec, (struct child_fds){.in = in, .out = out[1], .err = out[1]}, &w.pid, err);
  close_fd(&out[1]);
  if (launched < 0)
    return -1;
  bool lent = lend_terminal(spec, w.pid);
  w.deadline_ms = spec->timeout_ms ? clock_monotonic_ms() + spec->timeout_ms : 0;
  CLEANUP(text_clear) struct text output = TEXT_INIT;
  int attended = attend(&w, read_end, &output, &status, err);
  if (lent)
    take_terminal_back();
  if (attended < 0)
    return -1;
  *ret_result = (struct spawn_result){
      .exit_code = exit_code_of(status),
      .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
      .timed_out = w.timed_out,
      .output = arena_strndup(arena, output.data, output.len),
      .output_len = output.len,
  };
  return 0;
}

int spawn_start(const struct spawn *spec, const char *log_path, pid_t *ret_pid, struct err *err)
{
  CLEANUP(close_fd) int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
  CLEANUP(close_fd)
  int log = log_path ? open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
  if (log_path && log < 0)
    return err_errno(err, ERR_UNEXPECTED, "opening %s", log_path);
  return launch(spec, (struct child_fds){.in = in, .out = log, .err = log}, ret_pid, err);
}

int spawn_wait(pid_t pid, int64_t timeout_ms, int *ret_exit_code, struct err *err)
{
  int64_t deadline = clock_monotonic_ms() + timeout_ms;
  int status;
  for (;;) {
    pid_t got = waitpid(pid, &status, timeout_ms < 0 ? 0 : WNOHANG);
    if (got == pid) {
      *ret_exit_code = exit_code_of(status);
      return 0;
    }
    if (got < 0 && errno != EINTR)
      return err_errno(err, ERR_UNEXPECTED, "waiting for process %d", (int)pid);
    if (timeout_ms >= 0 && clock_monotonic_ms() >= deadline)
      return err_set(err, ERR_UNEXPECTED, "process %d did not end in %" PRId64 " ms", (int)pid,
                     timeout_ms);
    if (got == 0)
      clock_sleep_ms(10);
  }
}
