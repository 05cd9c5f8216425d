/*
 * Preloaded into a server, this returns the time of day from the file FAKED_TIME: eight bytes, the microseconds since 1970 in
 * the machine's byte order. The file may change at any time. The monotonic clock, and thus timers and sleeps, are not affected.
 *
 * It does not allocate and resolves no symbols: jemalloc reads the time during its own initialization, where libfaketime
 * recurses without end.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const int64_t *microseconds;

__attribute__((constructor)) static void map_file(void) {
    const char *name = getenv("FAKED_TIME");
    int file = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    void *mapped = file >= 0 ? mmap(NULL, sizeof *microseconds, PROT_READ, MAP_SHARED, file, 0) : MAP_FAILED;
    if (mapped == MAP_FAILED) {
        abort();
    }
    close(file);
    microseconds = mapped;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    if (!microseconds || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)) {
        return syscall(SYS_clock_gettime, clock, time);
    }
    int64_t now = __atomic_load_n(microseconds, __ATOMIC_SEQ_CST);
    time->tv_sec = now / 1000000;
    time->tv_nsec = now % 1000000 * 1000;
    return 0;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    struct timespec now;
    (void)zone;
    int result = clock_gettime(CLOCK_REALTIME, &now);
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1000;
    return result;
}

time_t time(time_t *seconds) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (seconds) {
        *seconds = now.tv_sec;
    }
    return now.tv_sec;
}
