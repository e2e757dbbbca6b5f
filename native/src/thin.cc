// Thin calls on names and contents: one call from JavaScript, one system call.
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

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

Value open_at(const Info& info) {
  const std::string path = text_at(info, 1);
  const auto mode = static_cast<mode_t>(int_at(info, 3));
  return done(info, kernel::openat(int_at(info, 0), path.c_str(), int_at(info, 2), mode), "openat", path);
}

Value open_at2(const Info& info) {
  const std::string path = text_at(info, 1);
  const auto mode = static_cast<mode_t>(int_at(info, 3));
  const auto resolve = static_cast<uint64_t>(int64_at(info, 4));
  return done(info, kernel::openat2(int_at(info, 0), path.c_str(), int_at(info, 2), mode, resolve), "openat2", path);
}

Value close_fd(const Info& info) {
  // EINTR and EIO from close leave the descriptor closed on Linux: there is nothing to repeat.
  return done(info, ::close(int_at(info, 0)) < 0 && errno == EBADF ? -1 : 0, "close");
}

Value dup_fd(const Info& info) { return done(info, ::fcntl(int_at(info, 0), F_DUPFD_CLOEXEC, 0), "fcntl"); }

Value mkdir_at(const Info& info) {
  const std::string path = text_at(info, 1);
  return done(info, kernel::mkdirat(int_at(info, 0), path.c_str(), static_cast<mode_t>(int_at(info, 2))), "mkdirat", path);
}

Value mknod_at(const Info& info) {
  const std::string path = text_at(info, 1);
  const auto device = static_cast<dev_t>(int64_at(info, 3));
  return done(info, kernel::mknodat(int_at(info, 0), path.c_str(), static_cast<mode_t>(int_at(info, 2)), device), "mknodat", path);
}

Value link_at(const Info& info) {
  const std::string from = text_at(info, 1);
  const std::string to = text_at(info, 3);
  return done(info, kernel::linkat(int_at(info, 0), from.c_str(), int_at(info, 2), to.c_str(), int_at(info, 4)), "linkat", to);
}

Value symlink_at(const Info& info) {
  const std::string target = text_at(info, 0);
  const std::string path = text_at(info, 2);
  return done(info, kernel::symlinkat(target.c_str(), int_at(info, 1), path.c_str()), "symlinkat", path);
}

Value unlink_at(const Info& info) {
  const std::string path = text_at(info, 1);
  return done(info, kernel::unlinkat(int_at(info, 0), path.c_str(), int_at(info, 2)), "unlinkat", path);
}

Value rename_at2(const Info& info) {
  const std::string from = text_at(info, 1);
  const std::string to = text_at(info, 3);
  const auto flags = static_cast<unsigned>(int_at(info, 4));
  return done(info, kernel::renameat2(int_at(info, 0), from.c_str(), int_at(info, 2), to.c_str(), flags), "renameat2", to);
}

Value readlink_at(const Info& info) {
  const std::string path = text_at(info, 1);
  char target[4097];
  const ssize_t size = ::readlinkat(int_at(info, 0), path.c_str(), target, sizeof target);
  if (size < 0) throw_errno(info, "readlinkat", path);
  const std::string text(target, static_cast<size_t>(size));
  if (!is_utf8(text)) {
    errno = EILSEQ;
    throw_errno(info, "readlinkat", path);
  }
  return Napi::String::New(info.Env(), text);
}

void put_stat(const Info& info, size_t index, const struct stat& st) {
  auto words = info[index].As<Napi::BigUint64Array>();
  if (words.ElementLength() < 9) throw Napi::TypeError::New(info.Env(), "stat needs nine words");
  const auto nanoseconds = static_cast<int64_t>(st.st_mtim.tv_sec) * 1'000'000'000 + st.st_mtim.tv_nsec;
  const uint64_t values[] = {st.st_mode, st.st_uid,   st.st_gid,
                             static_cast<uint64_t>(st.st_size),
                             static_cast<uint64_t>(nanoseconds),
                             st.st_ino,  st.st_dev,   st.st_nlink, st.st_rdev};
  for (size_t i = 0; i < 9; i++) words[i] = values[i];
}

// fstatat(dirfd, path, flags, words, absentIsFalse): true, or false where nothing is there and the caller said that is fine.
Value stat_at(const Info& info) {
  const std::string path = text_at(info, 1);
  struct stat st;
  if (::fstatat(int_at(info, 0), path.c_str(), &st, int_at(info, 2)) < 0) {
    const bool absent_is_false = info[4].ToBoolean();
    if (absent_is_false && (errno == ENOENT || errno == ENOTDIR)) return Napi::Boolean::New(info.Env(), false);
    throw_errno(info, "fstatat", path);
  }
  put_stat(info, 3, st);
  return Napi::Boolean::New(info.Env(), true);
}

Value exists_at(const Info& info) {
  const std::string path = text_at(info, 1);
  if (::faccessat(int_at(info, 0), path.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0) return Napi::Boolean::New(info.Env(), true);
  if (errno != ENOENT && errno != ENOTDIR) throw_errno(info, "faccessat", path);
  return Napi::Boolean::New(info.Env(), false);
}

const char* type_name(unsigned char type) {
  switch (type) {
    case DT_REG: return "file";
    case DT_DIR: return "directory";
    case DT_LNK: return "symlink";
    default: return "other";
  }
}

// Names and types alternate in one flat array: half the objects of an array of records.
Value read_dir(const Info& info) {
  Fd copy(::openat(int_at(info, 0), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!copy) throw_errno(info, "openat", ".");
  DIR* dir = ::fdopendir(copy.get());
  if (dir == nullptr) throw_errno(info, "fdopendir");
  copy.release();
  struct Closer {
    DIR* dir;
    ~Closer() { ::closedir(dir); }
  } closer{dir};
  Napi::Array result = Napi::Array::New(info.Env());
  uint32_t count = 0;
  for (;;) {
    errno = 0;
    const struct dirent* entry = ::readdir(dir);
    if (entry == nullptr) {
      if (errno != 0) throw_errno(info, "getdents64");
      return result;
    }
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (!is_utf8(name)) {
      errno = EILSEQ;
      throw_errno(info, "getdents64", name);
    }
    unsigned char type = entry->d_type;
    struct stat st;
    if (type == DT_UNKNOWN && ::fstatat(::dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0) type = IFTODT(st.st_mode);
    result[count++] = Napi::String::New(info.Env(), name);
    result[count++] = Napi::String::New(info.Env(), type_name(type));
  }
}

Value read_fd(const Info& info) {
  const Bytes buffer = bytes_at(info, 1);
  const ssize_t size = kernel::read_full(int_at(info, 0), buffer.data, buffer.size);
  if (size < 0) throw_errno(info, "read");
  return Number::New(info.Env(), static_cast<double>(size));
}

Value pread_fd(const Info& info) {
  const Bytes buffer = bytes_at(info, 1);
  ssize_t size;
  do {
    size = ::pread(int_at(info, 0), buffer.data, buffer.size, int64_at(info, 2));
  } while (size < 0 && errno == EINTR);
  if (size < 0) throw_errno(info, "pread");
  return Number::New(info.Env(), static_cast<double>(size));
}

Value write_fd(const Info& info) {
  const Bytes buffer = bytes_at(info, 1);
  done(info, kernel::write_all(int_at(info, 0), buffer.data, buffer.size), "write");
  return Number::New(info.Env(), static_cast<double>(buffer.size));
}

Value copy_range(const Info& info) {
  const ssize_t size = kernel::copy_file_range(int_at(info, 0), nullptr, int_at(info, 1), nullptr, static_cast<size_t>(int64_at(info, 2)));
  if (size < 0) throw_errno(info, "copy_file_range");
  return Number::New(info.Env(), static_cast<double>(size));
}

Value clone(const Info& info) { return done(info, kernel::ficlone(int_at(info, 0), int_at(info, 1)), "ficlone"); }

Value temporary_file(const Info& info) {
  const int fd = kernel::openat(int_at(info, 0), ".", O_TMPFILE | O_RDWR, static_cast<mode_t>(int_at(info, 1)));
  return done(info, fd, "openat", "O_TMPFILE");
}

Value link_temporary(const Info& info) {
  const std::string path = text_at(info, 2);
  return done(info, kernel::link_fd(int_at(info, 0), int_at(info, 1), path.c_str()), "linkat", path);
}

Value sync_file(const Info& info) { return done(info, kernel::fsync(int_at(info, 0)), "fsync"); }
Value sync_data(const Info& info) { return done(info, kernel::fdatasync(int_at(info, 0)), "fdatasync"); }
Value sync_filesystem(const Info& info) { return done(info, kernel::syncfs(int_at(info, 0)), "syncfs"); }
Value truncate_file(const Info& info) { return done(info, kernel::ftruncate(int_at(info, 0), int64_at(info, 1)), "ftruncate"); }
Value allocate(const Info& info) {
  return done(info, kernel::fallocate(int_at(info, 0), int_at(info, 1), int64_at(info, 2), int64_at(info, 3)), "fallocate");
}

// True if the open-file-description lock was taken; false if another holds it.
Value ofd_lock(const Info& info) {
  struct flock lock = {};
  lock.l_type = info[1].ToBoolean() ? F_WRLCK : F_RDLCK;
  lock.l_whence = SEEK_SET;
  if (::fcntl(int_at(info, 0), F_OFD_SETLK, &lock) == 0) return Napi::Boolean::New(info.Env(), true);
  if (errno != EAGAIN && errno != EACCES) throw_errno(info, "fcntl");
  return Napi::Boolean::New(info.Env(), false);
}

Value flock_fd(const Info& info) {
  const int operation = info[1].ToBoolean() ? LOCK_EX : LOCK_SH;
  if (::flock(int_at(info, 0), operation | LOCK_NB) == 0) return Napi::Boolean::New(info.Env(), true);
  if (errno != EWOULDBLOCK) throw_errno(info, "flock");
  return Napi::Boolean::New(info.Env(), false);
}

Value peer_credentials(const Info& info) {
  struct ucred peer = {};
  socklen_t size = sizeof peer;
  done(info, ::getsockopt(int_at(info, 0), SOL_SOCKET, SO_PEERCRED, &peer, &size), "getsockopt");
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("pid", Number::New(info.Env(), peer.pid));
  result.Set("uid", Number::New(info.Env(), peer.uid));
  result.Set("gid", Number::New(info.Env(), peer.gid));
  return result;
}

// Sends one datagram to a unix socket; a leading '@' names an abstract address, as NOTIFY_SOCKET has it.
Value send_datagram(const Info& info) {
  const std::string path = text_at(info, 0);
  const Bytes data = bytes_at(info, 1);
  struct sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    throw_errno(info, "sendto", path);
  }
  memcpy(address.sun_path, path.data(), path.size());
  if (path[0] == '@') address.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(struct sockaddr_un, sun_path) + path.size() + (path[0] == '@' ? 0 : 1));
  Fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) throw_errno(info, "socket");
  const auto* to = reinterpret_cast<const struct sockaddr*>(&address);
  if (::sendto(fd.get(), data.data, data.size, MSG_NOSIGNAL, to, length) < 0) throw_errno(info, "sendto", path);
  return info.Env().Undefined();
}

Value mutation_count(const Info& info) { return Number::New(info.Env(), static_cast<double>(kernel::mutation_count())); }
Value arm_crash(const Info& info) {
  kernel::arm_crash(static_cast<uint64_t>(int64_at(info, 0)));
  return info.Env().Undefined();
}
Value arm_error(const Info& info) {
  kernel::arm_error(static_cast<uint64_t>(int64_at(info, 0)), int_at(info, 1));
  return info.Env().Undefined();
}

}  // namespace

void export_thin(Napi::Env env, Napi::Object exports) {
  const auto add = [&](const char* name, Value (*call)(const Info&)) { exports.Set(name, Napi::Function::New(env, call, name)); };
  add("openat", open_at);
  add("openat2", open_at2);
  add("close", close_fd);
  add("dup", dup_fd);
  add("mkdirat", mkdir_at);
  add("mknodat", mknod_at);
  add("linkat", link_at);
  add("symlinkat", symlink_at);
  add("unlinkat", unlink_at);
  add("renameat2", rename_at2);
  add("readlinkat", readlink_at);
  add("fstatat", stat_at);
  add("exists", exists_at);
  add("readdir", read_dir);
  add("read", read_fd);
  add("pread", pread_fd);
  add("write", write_fd);
  add("copyFileRange", copy_range);
  add("ficlone", clone);
  add("tmpfile", temporary_file);
  add("linkFd", link_temporary);
  add("fsync", sync_file);
  add("fdatasync", sync_data);
  add("syncfs", sync_filesystem);
  add("ftruncate", truncate_file);
  add("fallocate", allocate);
  add("ofdLock", ofd_lock);
  add("flock", flock_fd);
  add("peerCredentials", peer_credentials);
  add("sendDatagram", send_datagram);
  add("mutationCount", mutation_count);
  add("armCrash", arm_crash);
  add("armError", arm_error);
}

}  // namespace native
