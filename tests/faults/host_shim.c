/* A worse computer for one process, by LD_PRELOAD: another wall clock, a slow or a failing disk.
 *
 * The test writes the numbers into a small mapped file while the process runs (see host_rig.py). Only files
 * whose path holds AMPILOT_SHIM_MATCH have an ill disk. Monotonic time is left alone, as NTP leaves it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct control { double wall_shift_s; double sync_delay_s; double write_errno; double syncs; };
static struct control none, *control = &none;
static const char *match = "";

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("AMPILOT_SHIM"), *part = getenv("AMPILOT_SHIM_MATCH");
    if (part) match = part;
    if (!path) return;
    int fd = REAL(open)(path, O_RDWR);
    if (fd < 0) return;
    void *at = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at != MAP_FAILED) control = at;
    close(fd);
}

static int ours(int fd) {
    char link[64], path[1024];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t got = readlink(link, path, sizeof path - 1);
    if (got <= 0 || !*match) return 0;
    path[got] = 0;
    return strstr(path, match) != NULL;
}

int clock_gettime(clockid_t which, struct timespec *at) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = REAL(clock_gettime);
    int result = real(which, at);
    if (which == CLOCK_REALTIME && result == 0) at->tv_sec += (time_t)control->wall_shift_s;
    return result;
}

int gettimeofday(struct timeval *at, void *zone) {
    static int (*real)(struct timeval *, void *);
    if (!real) real = (int (*)(struct timeval *, void *))dlsym(RTLD_NEXT, "gettimeofday");
    int result = real(at, zone);
    if (at) at->tv_sec += (time_t)control->wall_shift_s;
    return result;
}

time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}

static int synced(int fd, int (*real)(int)) {
    if (ours(fd)) {
        control->syncs += 1;
        if (control->sync_delay_s > 0) {
            struct timespec delay = {(time_t)control->sync_delay_s,
                                     (long)(1e9 * (control->sync_delay_s - (time_t)control->sync_delay_s))};
            nanosleep(&delay, NULL);
        }
        if (control->write_errno) { errno = (int)control->write_errno; return -1; }
    }
    return real(fd);
}

int fsync(int fd) { return synced(fd, REAL(fsync)); }
int fdatasync(int fd) { return synced(fd, REAL(fdatasync)); }

static int refused(int fd) {
    if (control->write_errno && ours(fd)) { errno = (int)control->write_errno; return 1; }
    return 0;
}

ssize_t write(int fd, const void *data, size_t size) {
    static ssize_t (*real)(int, const void *, size_t);
    if (!real) real = REAL(write);
    return refused(fd) ? -1 : real(fd, data, size);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    return refused(fd) ? -1 : REAL(pwrite)(fd, data, size, at);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    return refused(fd) ? -1 : REAL(pwrite64)(fd, data, size, at);
}

int ftruncate(int fd, off_t size) { return refused(fd) ? -1 : REAL(ftruncate)(fd, size); }
int ftruncate64(int fd, off64_t size) { return refused(fd) ? -1 : REAL(ftruncate64)(fd, size); }

static int forbidden(const char *path, int flags) {
    int writes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT);
    if (control->write_errno == EROFS && writes && path && *match && strstr(path, match)) {
        errno = EROFS;
        return 1;
    }
    return 0;
}

#define OPEN(name)                                                          \
    int name(const char *path, int flags, ...) {                            \
        va_list list;                                                       \
        va_start(list, flags);                                              \
        mode_t mode = va_arg(list, mode_t);                                 \
        va_end(list);                                                       \
        return forbidden(path, flags) ? -1 : REAL(name)(path, flags, mode); \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                             \
    int name(int at, const char *path, int flags, ...) {                         \
        va_list list;                                                            \
        va_start(list, flags);                                                   \
        mode_t mode = va_arg(list, mode_t);                                      \
        va_end(list);                                                            \
        return forbidden(path, flags) ? -1 : REAL(name)(at, path, flags, mode);  \
    }
OPENAT(openat)
OPENAT(openat64)
