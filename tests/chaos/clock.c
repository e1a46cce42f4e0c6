/* Moves the wall clock of a process: seconds are added that stand in a file which the campaign writes. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const int64_t none[2] = {0, 0};
static volatile const int64_t *offsets = none;
static int of_jobs = 0; /* 1 in worker and scheduler, whose command line names celery */
static int (*ask)(clockid_t, struct timespec *);

__attribute__((constructor)) static void begin(void) {
    static char line[4096];
    const char *path = getenv("CAMPAIGN_CLOCKS");
    int file = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    if (file >= 0) {
        of_jobs = read(file, line, sizeof line) > 0 && memmem(line, sizeof line, "celery", 6) != NULL;
        close(file);
    }
    if (path != NULL && (file = open(path, O_RDONLY | O_CLOEXEC)) >= 0) {
        void *seen = mmap(NULL, sizeof none, PROT_READ, MAP_SHARED, file, 0);
        if (seen != MAP_FAILED) offsets = seen;
        close(file);
    }
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    if (ask == NULL) ask = dlsym(RTLD_NEXT, "clock_gettime");
    int failed = ask(clock, now);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += offsets[of_jobs];
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec exact;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &exact)) return -1;
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *where) {
    struct timespec exact;
    if (clock_gettime(CLOCK_REALTIME, &exact)) return -1;
    if (where != NULL) *where = exact.tv_sec;
    return exact.tv_sec;
}
