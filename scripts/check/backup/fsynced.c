/* Preloaded into Redis: notes after each fdatasync how long the file was when that began, in $FSYNCED/<name of the file>.
 * What lies beyond is what a loss of power may take; a process that is killed leaves it in the kernel, which keeps it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int fdatasync(int fd) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  char link[64], path[4096], note[8192];
  struct stat before;
  int known = fstat(fd, &before) == 0;
  int result = real(fd);
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  const char *folder = getenv("FSYNCED");
  if (result != 0 || !known || length <= 0 || !folder) return result;
  path[length] = 0;
  const char *slash = strrchr(path, '/');
  snprintf(note, sizeof note, "%s/%s", folder, slash ? slash + 1 : path);
  FILE *file = fopen(note, "w");
  if (file) {
    fprintf(file, "%lld\n", (long long)before.st_size);
    fclose(file);
  }
  return result;
}
