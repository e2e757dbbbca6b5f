#include "files.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <ctime>

namespace native {

const struct timespec epoch[2] = {{0, 0}, {0, 0}};

std::string join(const std::string& directory, const std::string& name) {
  return directory.empty() ? name : directory + "/" + name;
}

bool is_plain_relative(const std::string& path) {
  size_t begin = 0;
  for (;;) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const std::string component = path.substr(begin, end - begin);
    if (component.empty() || component == "." || component == "..") return false;
    if (end == path.size()) return true;
    begin = end + 1;
  }
}

std::string unique_name(const char* prefix) {
  static std::atomic<uint64_t> counter{0};
  struct timespec now;
  ::clock_gettime(CLOCK_REALTIME, &now);
  return std::string(prefix) + std::to_string(::getpid()) + "-" + std::to_string(now.tv_sec) + std::to_string(now.tv_nsec) + "-" +
         std::to_string(counter.fetch_add(1));
}

std::vector<Entry> list_directory(int fd, const std::string& path) {
  Fd copy(::openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!copy) fail("openat", path);
  DIR* dir = ::fdopendir(copy.get());
  if (dir == nullptr) fail("fdopendir", path);
  copy.release();
  const std::unique_ptr<DIR, int (*)(DIR*)> closer(dir, ::closedir);
  std::vector<Entry> entries;
  for (;;) {
    errno = 0;
    const struct dirent* entry = ::readdir(dir);
    if (entry == nullptr) break;
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    unsigned char type = entry->d_type;
    struct stat st;
    if (type == DT_UNKNOWN) {
      if (::fstatat(::dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0) fail("fstatat", join(path, entry->d_name));
      type = static_cast<unsigned char>(IFTODT(st.st_mode));
    }
    entries.push_back({entry->d_name, type});
  }
  if (errno != 0) fail("getdents64", path);
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.name < b.name; });
  return entries;
}

Fd open_directory_below(int root, const std::string& path) {
  const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
  const uint64_t resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  Fd fd(kernel::openat2(root, path.empty() ? "." : path.c_str(), flags, 0, resolve));
  if (!fd) fail("openat2", path);
  return fd;
}

Fd open_file(int dirfd, const std::string& name, const std::string& path) {
  Fd fd(kernel::openat(dirfd, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  if (!fd) fail("openat", path);
  return fd;
}

struct stat stat_fd(int fd, const std::string& path) {
  struct stat st;
  if (::fstat(fd, &st) < 0) fail("fstat", path);
  return st;
}

namespace {

// Reads a value that may grow between two calls, starting with what nearly always suffices.
template <typename Read>
std::string grown(const char* syscall, const std::string& path, Read read) {
  char small[512];
  ssize_t size = read(small, sizeof small);
  if (size >= 0) return std::string(small, static_cast<size_t>(size));
  for (std::string large(size_t{64} << 10, '\0'); errno == ERANGE && large.size() <= (size_t{1} << 20); large.resize(large.size() * 2)) {
    size = read(large.data(), large.size());
    if (size >= 0) return large.substr(0, static_cast<size_t>(size));
  }
  fail(syscall, path);
}

template <typename List, typename Get>
Xattrs collect(const std::string& path, List list, Get get) {
  Xattrs xattrs;
  std::string names;
  try {
    names = grown("listxattr", path, list);
  } catch (const SystemError& error) {
    if (error.error == EOPNOTSUPP) return xattrs;
    throw;
  }
  for (size_t at = 0; at < names.size();) {
    const std::string name = names.c_str() + at;
    at += name.size() + 1;
    try {
      xattrs.push_back({name, grown("getxattr", path, [&](char* to, size_t size) { return get(name.c_str(), to, size); })});
    } catch (const SystemError& error) {
      if (error.error != ENODATA) throw;  // removed since it was listed
    }
  }
  std::sort(xattrs.begin(), xattrs.end(), [](const Xattr& a, const Xattr& b) { return a.name < b.name; });
  return xattrs;
}

}  // namespace

Xattrs read_xattrs(int fd, const std::string& path) {
  return collect(
      path, [&](char* to, size_t size) { return ::flistxattr(fd, to, size); },
      [&](const char* name, char* to, size_t size) { return ::fgetxattr(fd, name, to, size); });
}

Xattrs read_xattrs_at(int dirfd, const std::string& name, const std::string& path) {
  const std::string full = proc_path(dirfd, name);
  return collect(
      path, [&](char* to, size_t size) { return ::llistxattr(full.c_str(), to, size); },
      [&](const char* key, char* to, size_t size) { return ::lgetxattr(full.c_str(), key, to, size); });
}

Xattrs without_empty(Xattrs xattrs) {
  std::erase_if(xattrs, [](const Xattr& xattr) { return xattr.value.empty(); });
  return xattrs;
}

void write_xattrs(int fd, const Xattrs& xattrs, const std::string& path) {
  for (const Xattr& xattr : xattrs) {
    if (kernel::fsetxattr(fd, xattr.name.c_str(), xattr.value.data(), xattr.value.size()) < 0) fail("fsetxattr", path);
  }
}

void write_xattrs_at(int dirfd, const std::string& name, const Xattrs& xattrs, const std::string& path) {
  if (xattrs.empty()) return;
  const std::string full = proc_path(dirfd, name);
  for (const Xattr& xattr : xattrs) {
    if (kernel::lsetxattr(full.c_str(), xattr.name.c_str(), xattr.value.data(), xattr.value.size()) < 0) fail("lsetxattr", path);
  }
}

std::string read_link(int dirfd, const std::string& name, const std::string& path) {
  char target[4097];
  const ssize_t size = ::readlinkat(dirfd, name.c_str(), target, sizeof target);
  if (size < 0) fail("readlinkat", path);
  return std::string(target, static_cast<size_t>(size));
}

std::string read_whole(int fd, size_t limit, const std::string& path) {
  const struct stat st = stat_fd(fd, path);
  if (static_cast<uint64_t>(st.st_size) > limit) throw DataError("LimitExceeded", path + " is larger than " + std::to_string(limit) + " bytes");
  std::string content(static_cast<size_t>(st.st_size), '\0');
  const ssize_t got = kernel::read_full(fd, content.data(), content.size());
  if (got < 0) fail("read", path);
  content.resize(static_cast<size_t>(got));
  return content;
}

void each_chunk(int fd, const Bulk& bulk, Worker& worker, const std::string& path, const std::function<void(const uint8_t*, size_t)>& use) {
  for (;;) {
    bulk.check();
    const ssize_t got = kernel::read_full(fd, worker.buffer.data(), worker.buffer.size());
    if (got < 0) fail("read", path);
    if (got > 0) use(worker.buffer.data(), static_cast<size_t>(got));
    if (static_cast<size_t>(got) < worker.buffer.size()) return;
  }
}

Digest hash_rest(int fd, const std::string& header, Bulk& bulk, Worker& worker, const std::string& path) {
  worker.sha.restart();
  worker.sha.update(header);
  each_chunk(fd, bulk, worker, path, [&](const uint8_t* data, size_t size) {
    worker.sha.update(data, size);
    bulk.bytes += size;
  });
  return worker.sha.finish();
}

namespace {

// Below this a clone costs more than reading and writing.
constexpr uint64_t clone_from = 128 << 10;

bool unsupported(int error) {
  return error == EXDEV || error == ENOSYS || error == EINVAL || error == ENOTTY || error == EOPNOTSUPP || error == ETXTBSY;
}

// False if the kernel refused before the first byte.
bool copy_by_kernel(int from, int to, const Bulk& bulk, const std::string& path) {
  off_t in = 0;
  for (;;) {
    bulk.check();
    const ssize_t copied = kernel::copy_file_range(from, &in, to, nullptr, size_t{16} << 20);
    if (copied < 0 && errno == EINTR) continue;
    if (copied < 0 && in == 0 && unsupported(errno)) return false;
    if (copied < 0) fail("copy_file_range", path);
    if (copied == 0) return true;
  }
}

}  // namespace

void copy_content(int from, int to, uint64_t size, Bulk& bulk, Worker& worker, const std::string& path) {
  if (size > clone_from) {
    if (kernel::ficlone(to, from) == 0) {
      bulk.bytes += size;
      return;
    }
    if (!unsupported(errno)) fail("ficlone", path);
    if (copy_by_kernel(from, to, bulk, path)) {
      bulk.bytes += size;
      return;
    }
  }
  if (::lseek(from, 0, SEEK_SET) < 0) fail("lseek", path);
  each_chunk(from, bulk, worker, path, [&](const uint8_t* data, size_t length) {
    if (kernel::write_all(to, data, length) < 0) fail("write", path);
    bulk.bytes += length;
  });
}

void remove_tree(int dirfd, const std::string& name) {
  if (kernel::unlinkat(dirfd, name.c_str(), 0) == 0 || errno == ENOENT) return;
  if (errno != EISDIR && errno != EPERM) fail("unlinkat", name);
  {
    const Fd dir = open_directory_below(dirfd, name);
    for (const Entry& entry : list_directory(dir.get(), name)) {
      if (entry.type == DT_DIR) {
        remove_tree(dir.get(), entry.name);
      } else if (kernel::unlinkat(dir.get(), entry.name.c_str(), 0) < 0 && errno != ENOENT) {
        fail("unlinkat", join(name, entry.name));
      }
    }
  }
  if (kernel::unlinkat(dirfd, name.c_str(), AT_REMOVEDIR) < 0 && errno != ENOENT) fail("unlinkat", name);
}

}  // namespace native
