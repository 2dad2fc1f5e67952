/* Trouble with files, for tests: loaded before the C library, it makes the n-th call that changes a
 * file below a directory fail, write only a part, or end the process. What it does is asked of the
 * environment with each call, so that a forked child can say what it wants.
 *
 * FAULT_BELOW  the directory; without it nothing is counted
 * FAULT_NAME   what else the path must contain, such as "journal.db"
 * FAULT_CALLS  the kinds that count, of "wstrom": write, sync, truncate, rename, open to create,
 *              mkdir; all where it is not there
 * FAULT_AT     the number of the call that goes wrong; 0 for none
 * FAULT_WHAT   before, after, middle: kill the process then; half: write half of it;
 *              else the number of an error
 * FAULT_STAYS  if there, each later call goes wrong as well
 * FAULT_LOG    a file that gets a letter for each call that counts
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

enum action { NOTHING, BEFORE, MIDDLE, AFTER, HALF, FAIL };

static atomic_int count;

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

static void note(char kind) {
    const char *log = getenv("FAULT_LOG");
    if (log == NULL)
        return;
    long fd = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT, 0600);
    if (fd >= 0) {
        syscall(SYS_write, fd, &kind, 1);
        syscall(SYS_close, fd);
    }
}

static enum action on_path(char kind, const char *path) {
    const char *below = getenv("FAULT_BELOW");
    if (below == NULL || strncmp(path, below, strlen(below)) != 0)
        return NOTHING;
    const char *name = getenv("FAULT_NAME"), *calls = getenv("FAULT_CALLS");
    if (name != NULL && strstr(path, name) == NULL)
        return NOTHING;
    if (calls != NULL && strchr(calls, kind) == NULL)
        return NOTHING;
    int number = ++count;
    note(kind);
    const char *at = getenv("FAULT_AT"), *what = getenv("FAULT_WHAT");
    int wanted = at == NULL ? 0 : atoi(at);
    if (wanted == 0 || what == NULL)
        return NOTHING;
    if (number != wanted && !(getenv("FAULT_STAYS") != NULL && number > wanted))
        return NOTHING;
    if (strcmp(what, "before") == 0)
        die();
    if (strcmp(what, "after") == 0)
        return AFTER;
    if (strcmp(what, "middle") == 0)
        return MIDDLE;
    if (strcmp(what, "half") == 0)
        return HALF;
    errno = atoi(what);
    return FAIL;
}

static enum action on_file(char kind, int fd) {
    if (getenv("FAULT_BELOW") == NULL)
        return NOTHING;
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0)
        return NOTHING;
    path[size] = 0;
    return on_path(kind, path);
}

#define REAL(type, name) ((type)dlsym(RTLD_NEXT, #name))

/* Around a call that is done as a whole, or not at all. */
#define WHOLE(found, call)                                                                         \
    do {                                                                                           \
        enum action action_ = (found);                                                             \
        if (action_ == FAIL)                                                                       \
            return -1;                                                                             \
        int result_ = (call);                                                                      \
        if (action_ == AFTER || action_ == MIDDLE)                                                 \
            die();                                                                                 \
        return result_;                                                                            \
    } while (0)

/* Around a call that may do a part. */
#define IN_PARTS(found, size, call)                                                                \
    do {                                                                                           \
        enum action action_ = (found);                                                             \
        if (action_ == FAIL)                                                                       \
            return -1;                                                                             \
        if (action_ == HALF || action_ == MIDDLE)                                                  \
            size = size > 1 ? size / 2 : size;                                                     \
        ssize_t result_ = (call);                                                                  \
        if (action_ == AFTER || action_ == MIDDLE)                                                 \
            die();                                                                                 \
        return result_;                                                                            \
    } while (0)

typedef ssize_t (*write_t)(int, const void *, size_t);
typedef ssize_t (*pwrite_t)(int, const void *, size_t, off_t);
typedef int (*sync_t)(int);
typedef int (*truncate_t)(int, off_t);
typedef int (*rename_t)(const char *, const char *);
typedef int (*open_t)(const char *, int, ...);
typedef int (*openat_t)(int, const char *, int, ...);
typedef int (*mkdir_t)(const char *, mode_t);

ssize_t write(int fd, const void *data, size_t size) {
    IN_PARTS(on_file('w', fd), size, REAL(write_t, write)(fd, data, size));
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    IN_PARTS(on_file('w', fd), size, REAL(pwrite_t, pwrite)(fd, data, size, at));
}

ssize_t pwrite64(int fd, const void *data, size_t size, off_t at) {
    IN_PARTS(on_file('w', fd), size, REAL(pwrite_t, pwrite64)(fd, data, size, at));
}

int fsync(int fd) { WHOLE(on_file('s', fd), REAL(sync_t, fsync)(fd)); }

int fdatasync(int fd) { WHOLE(on_file('s', fd), REAL(sync_t, fdatasync)(fd)); }

int ftruncate(int fd, off_t size) {
    WHOLE(on_file('t', fd), REAL(truncate_t, ftruncate)(fd, size));
}

int ftruncate64(int fd, off_t size) {
    WHOLE(on_file('t', fd), REAL(truncate_t, ftruncate64)(fd, size));
}

int rename(const char *from, const char *to) {
    WHOLE(on_path('r', to), REAL(rename_t, rename)(from, to));
}

int mkdir(const char *path, mode_t mode) {
    WHOLE(on_path('m', path), REAL(mkdir_t, mkdir)(path, mode));
}

#define MODE_OF(flags, mode)                                                                       \
    mode_t mode = 0;                                                                               \
    if ((flags) & (O_CREAT | O_TMPFILE)) {                                                         \
        va_list rest;                                                                              \
        va_start(rest, flags);                                                                     \
        mode = va_arg(rest, mode_t);                                                               \
        va_end(rest);                                                                              \
    }

int open(const char *path, int flags, ...) {
    MODE_OF(flags, mode)
    enum action found = flags & O_CREAT ? on_path('o', path) : NOTHING;
    WHOLE(found, REAL(open_t, open)(path, flags, mode));
}

int open64(const char *path, int flags, ...) {
    MODE_OF(flags, mode)
    enum action found = flags & O_CREAT ? on_path('o', path) : NOTHING;
    WHOLE(found, REAL(open_t, open64)(path, flags, mode));
}
