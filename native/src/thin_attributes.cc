// Thin calls on attributes: owner, mode, times, extended attributes, inode flags, file system facts.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/statfs.h>
#include <sys/xattr.h>

#include <cerrno>
#include <vector>

#include "arguments.hpp"

namespace native {
namespace {

using Info = Napi::CallbackInfo;
using Napi::Number;
using Napi::Value;

Value done(const Info& info, int status, const char* syscall, const std::string& path = "") {
  if (status < 0) throw_errno(info, syscall, path);
  return Number::New(info.Env(), status);
}

Value chmod_fd(const Info& info) { return done(info, kernel::fchmod(int_at(info, 0), static_cast<mode_t>(int_at(info, 1))), "fchmod"); }

Value chown_fd(const Info& info) {
  const auto uid = static_cast<uid_t>(int64_at(info, 1));
  return done(info, kernel::fchown(int_at(info, 0), uid, static_cast<gid_t>(int64_at(info, 2))), "fchown");
}

Value chown_at(const Info& info) {
  const std::string path = text_at(info, 1);
  const auto uid = static_cast<uid_t>(int64_at(info, 2));
  const auto gid = static_cast<gid_t>(int64_at(info, 3));
  return done(info, kernel::fchownat(int_at(info, 0), path.c_str(), uid, gid, int_at(info, 4)), "fchownat", path);
}

struct timespec time_from(int64_t nanoseconds) {
  constexpr int64_t second = 1'000'000'000;
  int64_t seconds = nanoseconds / second;
  int64_t rest = nanoseconds % second;
  if (rest < 0) {
    rest += second;
    seconds -= 1;
  }
  struct timespec time = {};
  time.tv_sec = static_cast<time_t>(seconds);
  time.tv_nsec = static_cast<long>(rest);
  return time;
}

// utimensat(dirfd, path, mtimeNs | undefined, flags): access and modification time alike; undefined means now, and the
// path '' the descriptor itself.
Value utimens_at(const Info& info) {
  const std::string path = text_at(info, 1);
  struct timespec times[2] = {};
  if (info[2].IsUndefined()) {
    times[0].tv_nsec = times[1].tv_nsec = UTIME_NOW;
  } else {
    times[0] = times[1] = time_from(int64_at(info, 2));
  }
  if (path.empty()) return done(info, kernel::futimens(int_at(info, 0), times), "futimens");
  return done(info, kernel::utimensat(int_at(info, 0), path.c_str(), times, int_at(info, 3)), "utimensat", path);
}

// Calls `read` with growing buffers until the answer fits: an attribute may grow between the question and the reading.
template <typename Read>
std::string grown(const Info& info, const char* syscall, const std::string& name, Read read) {
  std::string value(256, '\0');
  for (;;) {
    const ssize_t size = read(value.data(), value.size());
    if (size >= 0) {
      value.resize(static_cast<size_t>(size));
      return value;
    }
    if (errno != ERANGE || value.size() > (size_t{1} << 20)) throw_errno(info, syscall, name);
    value.resize(value.size() * 8);
  }
}

Value to_bytes(const Info& info, const std::string& value) {
  return Napi::Buffer<char>::Copy(info.Env(), value.data(), value.size());
}

Value to_names(const Info& info, const std::string& list) {
  Napi::Array names = Napi::Array::New(info.Env());
  uint32_t count = 0;
  for (size_t at = 0; at < list.size();) {
    const std::string name = list.c_str() + at;
    names[count++] = Napi::String::New(info.Env(), name);
    at += name.size() + 1;
  }
  return names;
}

bool absent(const Napi::Error& error) {
  const std::string code = error.Value().As<Napi::Object>().Get("code").As<Napi::String>();
  return code == "ENODATA" || code == "ENOTSUP" || code == "EOPNOTSUPP";
}

// The value, or undefined where the attribute (or the support for it) is absent.
template <typename Read>
Value get_value(const Info& info, const char* syscall, const std::string& name, Read read) {
  try {
    return to_bytes(info, grown(info, syscall, name, read));
  } catch (const Napi::Error& error) {
    if (absent(error)) return info.Env().Undefined();
    throw;
  }
}

template <typename Read>
Value list_names(const Info& info, const char* syscall, const std::string& path, Read read) {
  try {
    return to_names(info, grown(info, syscall, path, read));
  } catch (const Napi::Error& error) {
    if (absent(error)) return Napi::Array::New(info.Env());
    throw;
  }
}

Value fget(const Info& info) {
  const std::string name = text_at(info, 1);
  return get_value(info, "fgetxattr", name, [&](char* to, size_t size) { return ::fgetxattr(int_at(info, 0), name.c_str(), to, size); });
}
Value flist(const Info& info) {
  return list_names(info, "flistxattr", "", [&](char* to, size_t size) { return ::flistxattr(int_at(info, 0), to, size); });
}
Value fset(const Info& info) {
  const std::string name = text_at(info, 1);
  const Bytes value = bytes_at(info, 2);
  return done(info, kernel::fsetxattr(int_at(info, 0), name.c_str(), value.data, value.size), "fsetxattr", name);
}
Value fremove(const Info& info) {
  const std::string name = text_at(info, 1);
  return done(info, kernel::fremovexattr(int_at(info, 0), name.c_str()), "fremovexattr", name);
}

Value lget(const Info& info) {
  const std::string path = text_at(info, 1);
  const std::string name = text_at(info, 2);
  const std::string full = proc_path(int_at(info, 0), path);
  return get_value(info, "lgetxattr", path, [&](char* to, size_t size) { return ::lgetxattr(full.c_str(), name.c_str(), to, size); });
}
Value llist(const Info& info) {
  const std::string path = text_at(info, 1);
  const std::string full = proc_path(int_at(info, 0), path);
  return list_names(info, "llistxattr", path, [&](char* to, size_t size) { return ::llistxattr(full.c_str(), to, size); });
}
Value lset(const Info& info) {
  const std::string path = text_at(info, 1);
  const std::string name = text_at(info, 2);
  const Bytes value = bytes_at(info, 3);
  const std::string full = proc_path(int_at(info, 0), path);
  return done(info, kernel::lsetxattr(full.c_str(), name.c_str(), value.data, value.size), "lsetxattr", path);
}
Value lremove(const Info& info) {
  const std::string path = text_at(info, 1);
  const std::string name = text_at(info, 2);
  return done(info, kernel::lremovexattr(proc_path(int_at(info, 0), path).c_str(), name.c_str()), "lremovexattr", path);
}

Value get_flags(const Info& info) {
  int flags = 0;
  done(info, ::ioctl(int_at(info, 0), FS_IOC_GETFLAGS, &flags), "ioctl");
  return Number::New(info.Env(), flags);
}

// True if the flag is now as asked; false where the file system has no such flag.
Value set_immutable(const Info& info) {
  const int fd = int_at(info, 0);
  const bool on = info[1].ToBoolean();
  int flags = 0;
  if (::ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0) {
    if (errno == ENOTTY || errno == EOPNOTSUPP || errno == EINVAL) return Napi::Boolean::New(info.Env(), false);
    throw_errno(info, "ioctl");
  }
  const int wanted = on ? flags | FS_IMMUTABLE_FL : flags & ~FS_IMMUTABLE_FL;
  if (wanted != flags) done(info, kernel::set_flags(fd, wanted), "ioctl");
  return Napi::Boolean::New(info.Env(), true);
}

Value statfs_fd(const Info& info) {
  struct statfs fs = {};
  done(info, ::fstatfs(int_at(info, 0), &fs), "fstatfs");
  Napi::Object result = Napi::Object::New(info.Env());
  const auto set = [&](const char* name, double value) { result.Set(name, Number::New(info.Env(), value)); };
  set("type", static_cast<double>(static_cast<uint32_t>(fs.f_type)));
  set("blockSize", static_cast<double>(fs.f_bsize));
  set("blocks", static_cast<double>(fs.f_blocks));
  set("freeBlocks", static_cast<double>(fs.f_bfree));
  set("availableBlocks", static_cast<double>(fs.f_bavail));
  set("files", static_cast<double>(fs.f_files));
  set("freeFiles", static_cast<double>(fs.f_ffree));
  result.Set("readOnly", Napi::Boolean::New(info.Env(), (fs.f_flags & 1) != 0));
  return result;
}

}  // namespace

void export_attributes(Napi::Env env, Napi::Object exports) {
  const auto add = [&](const char* name, Value (*call)(const Info&)) { exports.Set(name, Napi::Function::New(env, call, name)); };
  add("fchmod", chmod_fd);
  add("fchown", chown_fd);
  add("fchownat", chown_at);
  add("utimensat", utimens_at);
  add("fgetxattr", fget);
  add("flistxattr", flist);
  add("fsetxattr", fset);
  add("fremovexattr", fremove);
  add("lgetxattr", lget);
  add("llistxattr", llist);
  add("lsetxattr", lset);
  add("lremovexattr", lremove);
  add("getFlags", get_flags);
  add("setImmutable", set_immutable);
  add("statfs", statfs_fd);
}

}  // namespace native
