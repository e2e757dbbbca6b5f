// Every system call of the addon that changes something, behind one counter.
//
// A call is counted just before it is made; a crash or an error armed for that number happens instead of it. Thin calls
// and bulk workers use these functions alike, so the crash tests reach every mutation of the product by its number.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <exception>
#include <string>
#include <utility>

namespace native {

// A failed system call: what was called, on what, and why it failed.
struct SystemError : std::exception {
  int error;
  std::string syscall;
  std::string path;
  SystemError(int error, std::string syscall, std::string path)
      : error(error), syscall(std::move(syscall)), path(std::move(path)) {}
  const char* what() const noexcept override { return syscall.c_str(); }
};

// Throws the current errno as a SystemError.
[[noreturn]] void fail(const char* syscall, const std::string& path);

// A file descriptor that is closed with its owner.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  explicit operator bool() const { return fd_ >= 0; }
  void reset();

 private:
  int fd_ = -1;
};

namespace kernel {

uint64_t mutation_count();
void arm_crash(uint64_t calls_from_now);
void arm_error(uint64_t calls_from_now, int error);

// Counts a mutation about to happen. False, with errno set, if an error was armed for it; does not return at an armed crash.
bool permit();

// openat(2); counted only if it may create or truncate.
int openat(int dirfd, const char* path, int flags, mode_t mode = 0);
// openat2(2), or a walk without symlinks where the kernel has no openat2 or the path is too long for one call.
int openat2(int dirfd, const char* path, int flags, mode_t mode, uint64_t resolve);
int mkdirat(int dirfd, const char* path, mode_t mode);
int mknodat(int dirfd, const char* path, mode_t mode, dev_t device);
int linkat(int olddir, const char* oldpath, int newdir, const char* newpath, int flags);
int symlinkat(const char* target, int dirfd, const char* path);
int unlinkat(int dirfd, const char* path, int flags);
int renameat2(int olddir, const char* oldpath, int newdir, const char* newpath, unsigned flags);
int fchmod(int fd, mode_t mode);
int fchmodat(int dirfd, const char* path, mode_t mode);
int fchown(int fd, uid_t uid, gid_t gid);
int fchownat(int dirfd, const char* path, uid_t uid, gid_t gid, int flags);
int utimensat(int dirfd, const char* path, const struct timespec times[2], int flags);
int futimens(int fd, const struct timespec times[2]);
int fsync(int fd);
int fdatasync(int fd);
int syncfs(int fd);
int ftruncate(int fd, off_t length);
int fallocate(int fd, int mode, off_t offset, off_t length);
// Writes everything or fails; each write(2) is counted.
int write_all(int fd, const void* data, size_t size);
ssize_t copy_file_range(int in, off_t* in_offset, int out, off_t* out_offset, size_t length);
int ficlone(int to, int from);
int fsetxattr(int fd, const char* name, const void* value, size_t size);
int lsetxattr(const char* path, const char* name, const void* value, size_t size);
int fremovexattr(int fd, const char* name);
int lremovexattr(const char* path, const char* name);
int set_flags(int fd, int flags);
int freeze(int fd);
int thaw(int fd);

// Reads until the buffer is full or the file ends; -1 on error. Not counted.
ssize_t read_full(int fd, void* data, size_t size);
// Gives the file behind `fd` (of O_TMPFILE) a name.
int link_fd(int fd, int dirfd, const char* path);

}  // namespace kernel

// "/proc/self/fd/N/PATH": how l*xattr calls, which have no *at form before Linux 6.13, are made relative to a directory.
std::string proc_path(int dirfd, const std::string& path);

}  // namespace native
