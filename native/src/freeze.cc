// Freeze and thaw of a file system as one guarded call.
//
// A frozen file system blocks every writer, us included, so nothing may happen between the two ioctls and something
// must thaw if this process dies there: a child forked before the freeze that opens no file and waits on a pipe.
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/magic.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/fs.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "arguments.hpp"

namespace native {
namespace {

using Info = Napi::CallbackInfo;
using Napi::Value;

// Subvolumes of one btrfs have device numbers of their own, but freeze together.
bool same_btrfs(int one, int other) {
  struct statfs a, b;
  if (::fstatfs(one, &a) < 0 || ::fstatfs(other, &b) < 0) return true;
  if (a.f_type != BTRFS_SUPER_MAGIC || b.f_type != BTRFS_SUPER_MAGIC) return false;
  struct btrfs_ioctl_fs_info_args x = {}, y = {};
  if (::ioctl(one, BTRFS_IOC_FS_INFO, &x) < 0 || ::ioctl(other, BTRFS_IOC_FS_INFO, &y) < 0) return true;
  return memcmp(x.fsid, y.fsid, sizeof x.fsid) == 0;
}

// True if `path` lies on the file system of `fd`, or that cannot be told.
bool holds(int fd, const char* path) {
  struct stat ours, theirs;
  Fd other(::open(path, O_RDONLY | O_CLOEXEC));
  if (!other) return errno != ENOENT;
  if (::fstat(fd, &ours) < 0 || ::fstat(other.get(), &theirs) < 0) return true;
  return ours.st_dev == theirs.st_dev || same_btrfs(fd, other.get());
}

// What this very process needs to go on: freezing it could stop us from reaching the thaw.
bool carries_this_process(int fd) {
  Dl_info addon = {};
  const bool found = ::dladdr(reinterpret_cast<const void*>(&carries_this_process), &addon) != 0;
  return !found || addon.dli_fname == nullptr || holds(fd, addon.dli_fname) || holds(fd, "/") ||
         holds(fd, "/proc/self/exe") || holds(fd, ".");
}

// Only the pipe and the file system stay open, so the child keeps no lock of ours.
void close_all_but(int one, int other) {
  const unsigned low = static_cast<unsigned>(std::min(one, other));
  const unsigned high = static_cast<unsigned>(std::max(one, other));
  if (low > 0) ::syscall(SYS_close_range, 0u, low - 1, 0u);
  if (high > low + 1) ::syscall(SYS_close_range, low + 1, high - 1, 0u);
  ::syscall(SYS_close_range, high + 1, ~0u, 0u);
}

// The child: async-signal-safe calls only, for the parent has threads. Not counted as a mutation of ours.
[[noreturn]] void watch(int pipe, int fs, int timeout_ms) {
  close_all_but(pipe, fs);
  struct pollfd waiting = {pipe, POLLIN, 0};
  int ready;
  do {
    ready = ::poll(&waiting, 1, timeout_ms);
  } while (ready < 0 && errno == EINTR);
  char byte = 0;
  if (ready > 0 && ::read(pipe, &byte, 1) == 1) ::_exit(0);
  ::ioctl(fs, FITHAW, 0);
  ::_exit(1);
}

bool means_unsupported(int error) {
  return error == EOPNOTSUPP || error == EPERM || error == ENOSYS || error == EBUSY || error == ENOTTY || error == EINVAL;
}

void hold(int milliseconds) {
  struct timespec rest = {milliseconds / 1000, (milliseconds % 1000) * 1'000'000L};
  while (::nanosleep(&rest, &rest) < 0 && errno == EINTR) {
  }
}

struct Outcome {
  int freeze_error = 0;
  int thaw_error = 0;
};

// Nothing stands between freeze and thaw in production: `hold_ms` is how the tests look inside.
Outcome freeze_and_thaw(int fd, int hold_ms) {
  Outcome outcome;
  if (kernel::freeze(fd) < 0) {
    outcome.freeze_error = errno;
    return outcome;
  }
  if (hold_ms > 0) hold(hold_ms);
  // EINVAL: the watchdog thawed it; the freeze has done its work all the same.
  if (kernel::thaw(fd) < 0 && errno != EINVAL) outcome.thaw_error = errno;
  return outcome;
}

// freezeThaw(fd, holdMs, watchdogMs): 'frozen' or 'unsupported'.
Value freeze_thaw(const Info& info) {
  const int fd = int_at(info, 0);
  const int hold_ms = info[1].IsUndefined() ? 0 : int_at(info, 1);
  const int watchdog_ms = info[2].IsUndefined() ? 30'000 : int_at(info, 2);
  const auto answer = [&](const char* text) { return Napi::String::New(info.Env(), text); };
  if (carries_this_process(fd)) return answer("unsupported");
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0) throw_errno(info, "pipe2");
  Fd reader(ends[0]), writer(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) throw_errno(info, "fork");
  if (child == 0) watch(reader.get(), fd, watchdog_ms);
  const Outcome outcome = freeze_and_thaw(fd, hold_ms);
  // Where our own thaw failed the child is left to try: end of file makes it thaw.
  if (outcome.thaw_error == 0 && ::write(writer.get(), "k", 1) < 0) errno = 0;
  writer.reset();
  int status;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  errno = outcome.freeze_error != 0 ? outcome.freeze_error : outcome.thaw_error;
  if (outcome.freeze_error != 0 && means_unsupported(errno)) return answer("unsupported");
  if (errno != 0) throw_errno(info, outcome.freeze_error != 0 ? "FIFREEZE" : "FITHAW");
  return answer("frozen");
}

}  // namespace

void export_freeze(Napi::Env env, Napi::Object exports) {
  exports.Set("freezeThaw", Napi::Function::New(env, freeze_thaw, "freezeThaw"));
}

}  // namespace native
