/*
 * Preloaded into a server, this intercepts its syncs and writes.
 *
 * SYNC_SHIM_CONTROL names a file whose first letter says what happens to files below SYNC_SHIM_FOLDER:
 *   g  go: everything works
 *   h  hold: a sync waits until the file says something else; "<control>.held" exists once one waits
 *   e  error: a sync fails with EIO
 *   f  full: a write fails with ENOSPC
 * Other files, and syncs of a folder itself, are not affected.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static char mode(void) {
    const char *control = getenv("SYNC_SHIM_CONTROL");
    char letter = 'g';
    int file = control ? open(control, O_RDONLY | O_CLOEXEC) : -1;
    if (file >= 0) {
        if (read(file, &letter, 1) != 1) {
            letter = 'g';
        }
        close(file);
    }
    return letter;
}

static int is_ours(int fd) {
    const char *folder = getenv("SYNC_SHIM_FOLDER");
    char link[64], path[PATH_MAX];
    if (!folder) {
        return 0;
    }
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) {
        return 0;
    }
    path[length] = 0;
    return strncmp(path, folder, strlen(folder)) == 0;
}

static void say_held(void) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s.held", getenv("SYNC_SHIM_CONTROL"));
    int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (file >= 0) {
        close(file);
    }
}

/* Returns whether the sync may proceed; waits while it is held. */
static int may_sync(int fd) {
    if (!is_ours(fd)) {
        return 1;
    }
    char now = mode();
    if (now == 'h') {
        say_held();
        while ((now = mode()) == 'h') {
            usleep(1000);
        }
    }
    if (now == 'e') {
        errno = EIO;
        return 0;
    }
    return 1;
}

static int may_write(int fd) {
    if (is_ours(fd) && mode() == 'f') {
        errno = ENOSPC;
        return 0;
    }
    return 1;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int fdatasync(int fd) { return may_sync(fd) ? NEXT(fdatasync)(fd) : -1; }

int fsync(int fd) { return may_sync(fd) ? NEXT(fsync)(fd) : -1; }

ssize_t write(int fd, const void *bytes, size_t count) {
    return may_write(fd) ? NEXT(write)(fd, bytes, count) : -1;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    return may_write(fd) ? NEXT(writev)(fd, parts, count) : -1;
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
    return may_write(fd) ? NEXT(pwrite64)(fd, bytes, count, offset) : -1;
}
