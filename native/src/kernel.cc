#include "kernel.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

namespace native {

void fail(const char* syscall, const std::string& path) { throw SystemError(errno, syscall, path); }

void Fd::reset() {
  if (fd_ >= 0) {
    const int saved = errno;
    ::close(fd_);
    errno = saved;
  }
  fd_ = -1;
}

std::string proc_path(int dirfd, const std::string& path) {
  if (dirfd == AT_FDCWD || (!path.empty() && path[0] == '/')) return path;
  return "/proc/self/fd/" + std::to_string(dirfd) + "/" + path;
}

namespace kernel {
namespace {

std::atomic<uint64_t> mutations{0};
std::atomic<uint64_t> crash_at{0};
std::atomic<uint64_t> error_at{0};
std::atomic<int> error_code{0};

bool mutates(int flags) { return (flags & (O_CREAT | O_TRUNC)) != 0 || (flags & O_TMPFILE) == O_TMPFILE; }

// Resolves one component after the other without following any symlink; the answer where openat2 is missing.
int open_by_walk(int dirfd, const char* path, int flags, mode_t mode) {
  Fd current;
  const char* rest = path;
  for (;;) {
    while (*rest == '/') rest++;
    const char* slash = strchr(rest, '/');
    const char* after = slash;
    while (after != nullptr && *after == '/') after++;
    if (slash == nullptr || *after == '\0') break;
    const std::string component(rest, static_cast<size_t>(slash - rest));
    if (component == "..") {
      errno = EXDEV;
      return -1;
    }
    Fd next(::openat(current ? current.get() : dirfd, component.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!next) return -1;
    current = std::move(next);
    rest = after;
  }
  if (strcmp(rest, "..") == 0) {
    errno = EXDEV;
    return -1;
  }
  return ::openat(current ? current.get() : dirfd, *rest == '\0' ? "." : rest, flags | O_NOFOLLOW, mode);
}

}  // namespace

uint64_t mutation_count() { return mutations.load(); }
void arm_crash(uint64_t calls) { crash_at = calls == 0 ? 0 : mutations.load() + calls; }
void arm_error(uint64_t calls, int error) {
  error_code = error;
  error_at = calls == 0 ? 0 : mutations.load() + calls;
}

bool permit() {
  const uint64_t number = mutations.fetch_add(1) + 1;
  if (number == crash_at.load(std::memory_order_relaxed)) {
    ::kill(::getpid(), SIGKILL);
    for (;;) ::pause();  // the signal may be delivered to another thread first
  }
  if (number == error_at.load(std::memory_order_relaxed)) {
    errno = error_code.load();
    return false;
  }
  return true;
}

int openat(int dirfd, const char* path, int flags, mode_t mode) {
  if (mutates(flags) && !permit()) return -1;
  return ::openat(dirfd, path, flags | O_CLOEXEC, mode);
}

int openat2(int dirfd, const char* path, int flags, mode_t mode, uint64_t resolve) {
  if (mutates(flags) && !permit()) return -1;
  struct open_how how = {};
  how.flags = static_cast<uint64_t>(flags | O_CLOEXEC);
  // openat2 refuses a mode where nothing is created.
  how.mode = mutates(flags) && (flags & (O_CREAT | O_TMPFILE)) != 0 ? mode : 0;
  how.resolve = resolve;
  for (int attempt = 0;; attempt++) {
    const int fd = static_cast<int>(::syscall(SYS_openat2, dirfd, path, &how, sizeof how));
    if (fd >= 0) return fd;
    // EAGAIN: a rename elsewhere raced with the resolution of "..".
    if ((errno == EAGAIN || errno == EINTR) && attempt < 32) continue;
    if (errno == ENOSYS || errno == ENAMETOOLONG) return open_by_walk(dirfd, path, flags | O_CLOEXEC, mode);
    return -1;
  }
}

int mkdirat(int dirfd, const char* path, mode_t mode) { return permit() ? ::mkdirat(dirfd, path, mode) : -1; }
int mknodat(int dirfd, const char* path, mode_t mode, dev_t device) {
  return permit() ? ::mknodat(dirfd, path, mode, device) : -1;
}
int linkat(int olddir, const char* oldpath, int newdir, const char* newpath, int flags) {
  return permit() ? ::linkat(olddir, oldpath, newdir, newpath, flags) : -1;
}
int symlinkat(const char* target, int dirfd, const char* path) { return permit() ? ::symlinkat(target, dirfd, path) : -1; }
int unlinkat(int dirfd, const char* path, int flags) { return permit() ? ::unlinkat(dirfd, path, flags) : -1; }
int renameat2(int olddir, const char* oldpath, int newdir, const char* newpath, unsigned flags) {
  if (!permit()) return -1;
  return static_cast<int>(::syscall(SYS_renameat2, olddir, oldpath, newdir, newpath, flags));
}
int fchmod(int fd, mode_t mode) { return permit() ? ::fchmod(fd, mode) : -1; }
int fchmodat(int dirfd, const char* path, mode_t mode) { return permit() ? ::fchmodat(dirfd, path, mode, 0) : -1; }
int fchown(int fd, uid_t uid, gid_t gid) { return permit() ? ::fchown(fd, uid, gid) : -1; }
int fchownat(int dirfd, const char* path, uid_t uid, gid_t gid, int flags) {
  return permit() ? ::fchownat(dirfd, path, uid, gid, flags) : -1;
}
int utimensat(int dirfd, const char* path, const struct timespec times[2], int flags) {
  return permit() ? ::utimensat(dirfd, path, times, flags) : -1;
}
int futimens(int fd, const struct timespec times[2]) { return permit() ? ::futimens(fd, times) : -1; }
int fsync(int fd) { return permit() ? ::fsync(fd) : -1; }
int fdatasync(int fd) { return permit() ? ::fdatasync(fd) : -1; }
int syncfs(int fd) { return permit() ? ::syncfs(fd) : -1; }
int ftruncate(int fd, off_t length) { return permit() ? ::ftruncate(fd, length) : -1; }
int fallocate(int fd, int mode, off_t offset, off_t length) {
  return permit() ? ::fallocate(fd, mode, offset, length) : -1;
}

int write_all(int fd, const void* data, size_t size) {
  const char* from = static_cast<const char*>(data);
  while (size > 0) {
    if (!permit()) return -1;
    const ssize_t written = ::write(fd, from, size);
    if (written < 0) {
      if (errno == EINTR) continue;
      return -1;
    }
    from += written;
    size -= static_cast<size_t>(written);
  }
  return 0;
}

ssize_t copy_file_range(int in, off_t* in_offset, int out, off_t* out_offset, size_t length) {
  return permit() ? ::copy_file_range(in, in_offset, out, out_offset, length, 0) : -1;
}
int ficlone(int to, int from) { return permit() ? ::ioctl(to, FICLONE, from) : -1; }
int fsetxattr(int fd, const char* name, const void* value, size_t size) {
  return permit() ? ::fsetxattr(fd, name, value, size, 0) : -1;
}
int lsetxattr(const char* path, const char* name, const void* value, size_t size) {
  return permit() ? ::lsetxattr(path, name, value, size, 0) : -1;
}
int fremovexattr(int fd, const char* name) { return permit() ? ::fremovexattr(fd, name) : -1; }
int lremovexattr(const char* path, const char* name) { return permit() ? ::lremovexattr(path, name) : -1; }
int set_flags(int fd, int flags) { return permit() ? ::ioctl(fd, FS_IOC_SETFLAGS, &flags) : -1; }
int freeze(int fd) { return permit() ? ::ioctl(fd, FIFREEZE, 0) : -1; }
int thaw(int fd) { return permit() ? ::ioctl(fd, FITHAW, 0) : -1; }

ssize_t read_full(int fd, void* data, size_t size) {
  char* to = static_cast<char*>(data);
  size_t done = 0;
  while (done < size) {
    const ssize_t got = ::read(fd, to + done, size - done);
    if (got < 0) {
      if (errno == EINTR) continue;
      return -1;
    }
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return static_cast<ssize_t>(done);
}

int link_fd(int fd, int dirfd, const char* path) {
  if (!permit()) return -1;
  // AT_EMPTY_PATH needs CAP_DAC_READ_SEARCH (ENOENT without it); the way through /proc needs /proc.
  if (::linkat(fd, "", dirfd, path, AT_EMPTY_PATH) == 0) return 0;
  if (errno != ENOENT) return -1;
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  return ::linkat(AT_FDCWD, link.c_str(), dirfd, path, AT_SYMLINK_FOLLOW);
}

}  // namespace kernel
}  // namespace native
