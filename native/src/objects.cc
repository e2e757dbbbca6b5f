#include "objects.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "deflate.hpp"

namespace native {
namespace {

constexpr const char* meta_attribute = "user.ostreemeta";

struct Type {
  const char* suffix;
  uint8_t number;
};
constexpr Type types[] = {{"file", 1},   {"filez", 1},            {"dirtree", 2},    {"dirmeta", 3},
                          {"commit", 4}, {"tombstone-commit", 5}, {"commitmeta", 6}, {"payload-link", 7}};

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

}  // namespace

Mode parse_mode(Napi::Env env, const std::string& name) {
  if (name == "bare") return Mode::bare;
  if (name == "archive") return Mode::archive;
  if (name == "bare-user") return Mode::bare_user;
  if (name == "bare-user-only") return Mode::bare_user_only;
  throw Napi::TypeError::New(env, "unknown repo mode " + name);
}

std::string object_name(const Digest& checksum, const char* suffix) {
  const std::string hex = to_hex(checksum);
  std::string name;
  name.reserve(70 + strlen(suffix));
  name.append(hex, 0, 2).append("/").append(hex, 2).append(".").append(suffix);
  return name;
}

const char* file_suffix(Mode mode) { return mode == Mode::archive ? "filez" : "file"; }

bool is_prefix(const std::string& name) { return name.size() == 2 && is_hex(name[0]) && is_hex(name[1]); }

std::optional<ObjectName> parse_object_name(const std::string& prefix, const std::string& rest) {
  if (!is_prefix(prefix) || rest.size() < 64 || rest[62] != '.') return std::nullopt;
  ObjectName name;
  name.suffix = rest.substr(63);
  if (!from_hex(prefix + rest.substr(0, 62), name.checksum)) return std::nullopt;
  for (const Type& type : types) {
    if (name.suffix == type.suffix) {
      name.type = type.number;
      return name;
    }
  }
  return std::nullopt;
}

// ---- reading ----

namespace {

// A mode that keeps owners and attributes nowhere says 0:0 and none.
void set_attributes(FileObject& object, Mode mode, const struct stat& st, const Xattrs& xattrs) {
  object.meta.mode = st.st_mode;
  if (mode == Mode::bare_user_only) return;
  object.meta.uid = st.st_uid;
  object.meta.gid = st.st_gid;
  object.meta.xattrs = without_empty(xattrs);
}

void describe_bare_user(FileObject& object, const Xattrs& xattrs) {
  constexpr size_t max_target = 4096;
  const auto found = std::find_if(xattrs.begin(), xattrs.end(), [](const Xattr& xattr) { return xattr.name == meta_attribute; });
  if (found == xattrs.end()) throw DataError("InvalidFormat", object.path + " has no " + meta_attribute);
  object.meta = decode_meta(found->value);
  if (!S_ISLNK(object.meta.mode)) return;
  object.meta.target = read_whole(object.fd.get(), max_target, object.path);
  if (!object.meta.target.empty() && object.meta.target.back() == '\0') object.meta.target.pop_back();
  object.size = 0;
}

void describe_archive(FileObject& object) {
  uint8_t prefix[filez_prefix];
  const ssize_t got = kernel::read_full(object.fd.get(), prefix, sizeof prefix);
  if (got < 0) fail("read", object.path);
  if (got < static_cast<ssize_t>(sizeof prefix)) throw DataError("InvalidFormat", object.path + " is too short");
  std::string variant(filez_variant_length(prefix), '\0');
  const ssize_t more = kernel::read_full(object.fd.get(), variant.data(), variant.size());
  if (more < 0) fail("read", object.path);
  if (more < static_cast<ssize_t>(variant.size())) throw DataError("InvalidFormat", object.path + " is too short");
  FilezHeader header = decode_filez_header(variant);
  object.meta = std::move(header.meta);
  object.size = header.size;
  object.deflated = true;
}

bool has_real_symlinks(Mode mode) { return mode == Mode::bare || mode == Mode::bare_user_only; }

}  // namespace

std::optional<FileObject> open_file_object(int objects, Mode mode, const Digest& checksum) {
  FileObject object;
  object.path = object_name(checksum, file_suffix(mode));
  struct stat st;
  if (::fstatat(objects, object.path.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0) {
    if (errno == ENOENT) return std::nullopt;
    fail("fstatat", object.path);
  }
  if (S_ISLNK(st.st_mode) && has_real_symlinks(mode)) {
    const bool attributes = mode == Mode::bare;
    set_attributes(object, mode, st, attributes ? read_xattrs_at(objects, object.path, object.path) : Xattrs());
    object.meta.target = read_link(objects, object.path, object.path);
    return object;
  }
  if (!S_ISREG(st.st_mode)) throw DataError("InvalidFormat", object.path + " is not a regular file");
  Fd fd = open_file(objects, object.path, object.path);
  // Of what was opened: another file may have got the name since.
  const struct stat opened = stat_fd(fd.get(), object.path);
  const bool attributes = mode == Mode::bare || mode == Mode::bare_user;
  const Xattrs xattrs = attributes ? read_xattrs(fd.get(), object.path) : Xattrs();
  return file_object_of(std::move(fd), mode, opened, xattrs, object.path);
}

FileObject file_object_of(Fd fd, Mode mode, const struct stat& st, const Xattrs& xattrs, const std::string& path) {
  if (!S_ISREG(st.st_mode)) throw DataError("InvalidFormat", path + " is not a regular file");
  FileObject object;
  object.path = path;
  object.fd = std::move(fd);
  object.size = static_cast<uint64_t>(st.st_size);
  if (::lseek(object.fd.get(), 0, SEEK_SET) < 0) fail("lseek", path);
  switch (mode) {
    case Mode::bare:
    case Mode::bare_user_only: set_attributes(object, mode, st, xattrs); break;
    case Mode::bare_user: describe_bare_user(object, xattrs); break;
    case Mode::archive: describe_archive(object); break;
  }
  return object;
}

void each_content(const FileObject& object, Bulk& bulk, Worker& worker, const std::function<void(const uint8_t*, size_t)>& use) {
  if (S_ISLNK(object.meta.mode)) return;
  if (!object.deflated) {
    if (::lseek(object.fd.get(), 0, SEEK_SET) < 0) fail("lseek", object.path);
    each_chunk(object.fd.get(), bulk, worker, object.path, use);
    return;
  }
  const Source source = [&]() -> std::string_view {
    const ssize_t got = kernel::read_full(object.fd.get(), worker.buffer.data(), worker.buffer.size());
    if (got < 0) fail("read", object.path);
    return {reinterpret_cast<const char*>(worker.buffer.data()), static_cast<size_t>(got)};
  };
  inflate_stream(source, object.size, bulk, use);
}

Digest actual_checksum(const FileObject& object, Bulk& bulk, Worker& worker) {
  worker.sha.restart();
  worker.sha.update(encode_file_header(object.meta));
  each_content(object, bulk, worker, [&](const uint8_t* data, size_t size) {
    worker.sha.update(data, size);
    bulk.bytes += size;
  });
  return worker.sha.finish();
}

// ---- writing ----

ObjectDirectory::ObjectDirectory(int fd, bool direct) : fd_(fd), direct_(direct) {}

void ObjectDirectory::ensure_prefix(const std::string& name) {
  const auto value = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::atomic<bool>& made = made_[static_cast<size_t>(value(name[0]) * 16 + value(name[1]))];
  if (made.load(std::memory_order_relaxed)) return;
  const std::string prefix = name.substr(0, 2);
  if (kernel::mkdirat(fd_, prefix.c_str(), 0777) < 0 && errno != EEXIST) fail("mkdirat", prefix);
  made = true;
}

std::vector<std::string> ObjectDirectory::prefixes() const {
  static const char digits[] = "0123456789abcdef";
  std::vector<std::string> names;
  for (size_t i = 0; i < made_.size(); i++) {
    if (made_[i]) names.push_back({digits[i >> 4], digits[i & 15]});
  }
  return names;
}

ObjectDirectory::NewFile ObjectDirectory::create(const std::string& name) {
  NewFile file;
  file.name = name;
  ensure_prefix(name);
  constexpr int fresh = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW;
  if (direct_) {
    file.fd = Fd(kernel::openat(fd_, name.c_str(), fresh, 0600));
    if (!file.fd && errno != EEXIST) fail("openat", name);
    return file;
  }
  file.fd = Fd(kernel::openat(fd_, ".", O_TMPFILE | O_RDWR, 0600));
  if (file.fd) return file;
  if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL) fail("openat", name);
  file.temporary = unique_name(".new-");
  file.fd = Fd(kernel::openat(fd_, file.temporary.c_str(), fresh, 0600));
  if (!file.fd) fail("openat", file.temporary);
  return file;
}

bool ObjectDirectory::finish(NewFile& file) {
  if (direct_) return true;
  if (file.temporary.empty()) {
    if (kernel::link_fd(file.fd.get(), fd_, file.name.c_str()) == 0) return true;
  } else {
    // A link refuses to replace everywhere; RENAME_NOREPLACE does not exist on every file system.
    const bool linked = kernel::linkat(fd_, file.temporary.c_str(), fd_, file.name.c_str(), 0) == 0;
    const int error = errno;
    kernel::unlinkat(fd_, file.temporary.c_str(), 0);
    file.temporary.clear();
    if (linked) return true;
    errno = error;
  }
  if (errno == EEXIST) return false;
  fail("linkat", file.name);
}

void ObjectDirectory::discard(NewFile& file) {
  if (direct_) {
    kernel::unlinkat(fd_, file.name.c_str(), 0);
  } else if (!file.temporary.empty()) {
    kernel::unlinkat(fd_, file.temporary.c_str(), 0);
  }
}

bool ObjectDirectory::symlink(const std::string& name, const Meta& meta) {
  ensure_prefix(name);
  const std::string made = direct_ ? name : unique_name(".new-");
  if (kernel::symlinkat(meta.target.c_str(), fd_, made.c_str()) < 0) {
    if (errno == EEXIST) return false;
    fail("symlinkat", name);
  }
  if (kernel::fchownat(fd_, made.c_str(), meta.uid, meta.gid, AT_SYMLINK_NOFOLLOW) < 0) fail("fchownat", name);
  write_xattrs_at(fd_, made, meta.xattrs, name);
  if (direct_) return true;
  const bool linked = kernel::linkat(fd_, made.c_str(), fd_, name.c_str(), 0) == 0;
  const int error = errno;
  kernel::unlinkat(fd_, made.c_str(), 0);
  if (!linked && error != EEXIST) throw SystemError(error, "linkat", name);
  return linked;
}

void set_object_attributes(int fd, Mode mode, const Meta& meta, const std::string& name) {
  mode_t permissions = 0644;
  if (mode == Mode::bare) {
    // Always, even where the owner is ours already: a set-group-id directory gives files its group.
    if (kernel::fchown(fd, meta.uid, meta.gid) < 0) fail("fchown", name);
    write_xattrs(fd, meta.xattrs, name);
    permissions = meta.mode & 07777;
  } else if (mode == Mode::bare_user) {
    const std::string encoded = encode_meta(meta);
    if (kernel::fsetxattr(fd, meta_attribute, encoded.data(), encoded.size()) < 0) fail("fsetxattr", name);
    permissions = S_ISLNK(meta.mode) ? 0644 : (meta.mode & 0775) | 0400;
  } else if (mode == Mode::bare_user_only) {
    permissions = meta.mode & 07777;
  }
  // After the owner: chown clears the set-id bits.
  if (kernel::fchmod(fd, permissions) < 0) fail("fchmod", name);
  if (mode != Mode::archive && kernel::futimens(fd, epoch) < 0) fail("futimens", name);
}

void require_storable(Mode mode, const Meta& meta) {
  if (mode != Mode::bare_user_only || S_ISLNK(meta.mode)) return;
  // A bare-user-only repo has nowhere to keep what goes beyond these bits.
  if ((meta.mode & 07777 & ~0775u) != 0 || meta.uid != 0 || meta.gid != 0 || !meta.xattrs.empty()) {
    throw DataError("InvalidFormat", "a bare-user-only repo cannot hold a file with owner, attributes or special permissions");
  }
}

namespace {

// Runs `fill` on a new file; what was made is removed if it fails.
template <typename Fill>
bool with_new_file(ObjectDirectory& directory, const std::string& name, Fill fill) {
  ObjectDirectory::NewFile file = directory.create(name);
  if (!file.fd) return false;
  try {
    fill(file.fd.get());
    return directory.finish(file);
  } catch (...) {
    directory.discard(file);
    throw;
  }
}

void write_or_fail(int fd, const void* data, size_t size, const std::string& name) {
  if (kernel::write_all(fd, data, size) < 0) fail("write", name);
}

}  // namespace

bool ObjectWriter::write_symlink(const std::string& name, const Meta& meta) {
  if (mode_ == Mode::bare) return directory_.symlink(name, meta);
  if (mode_ == Mode::bare_user_only) {
    Meta plain = meta;
    plain.uid = ::geteuid();
    plain.gid = ::getegid();
    plain.xattrs.clear();
    return directory_.symlink(name, plain);
  }
  return with_new_file(directory_, name, [&](int fd) {
    const std::string content = mode_ == Mode::archive ? encode_filez_header(meta, 0) : meta.target + '\0';
    write_or_fail(fd, content.data(), content.size(), name);
    set_object_attributes(fd, mode_, meta, name);
  });
}

bool ObjectWriter::write(const Digest& checksum, const Meta& meta, const uint8_t* content, size_t size) {
  require_storable(mode_, meta);
  const std::string name = object_name(checksum, file_suffix(mode_));
  if (S_ISLNK(meta.mode)) return write_symlink(name, meta);
  return with_new_file(directory_, name, [&](int fd) {
    if (mode_ == Mode::archive) {
      std::string packed = encode_filez_header(meta, size);
      Deflater deflater(zlib_level_, [&](const uint8_t* data, size_t length) { packed.append(reinterpret_cast<const char*>(data), length); });
      deflater.update(content, size);
      deflater.finish();
      write_or_fail(fd, packed.data(), packed.size(), name);
    } else if (size > 0) {
      write_or_fail(fd, content, size, name);
    }
    set_object_attributes(fd, mode_, meta, name);
  });
}

bool ObjectWriter::write_stream(const Digest& checksum, const Meta& meta, int from, Bulk& bulk, Worker& worker, const std::string& path) {
  require_storable(mode_, meta);
  const std::string name = object_name(checksum, file_suffix(mode_));
  return with_new_file(directory_, name, [&](int fd) {
    const uint64_t size = static_cast<uint64_t>(stat_fd(from, path).st_size);
    const Sink put = [&](const uint8_t* data, size_t length) { write_or_fail(fd, data, length, name); };
    std::optional<Deflater> deflater;
    if (mode_ == Mode::archive) {
      const std::string header = encode_filez_header(meta, size);
      write_or_fail(fd, header.data(), header.size(), name);
      deflater.emplace(zlib_level_, put);
    }
    const bool cloned = !deflater && kernel::ficlone(fd, from) == 0;
    const int source = cloned ? fd : from;
    if (::lseek(source, 0, SEEK_SET) < 0) fail("lseek", path);
    worker.sha.restart();
    worker.sha.update(encode_file_header(meta));
    uint64_t total = 0;
    each_chunk(source, bulk, worker, path, [&](const uint8_t* data, size_t length) {
      worker.sha.update(data, length);
      total += length;
      if (deflater) deflater->update(data, length);
      else if (!cloned) put(data, length);
    });
    if (deflater) deflater->finish();
    // The size is in the header of an archive object, but not in the checksum.
    if (worker.sha.finish() != checksum || total != size) throw DataError("Io", path + " changed while it was read");
    set_object_attributes(fd, mode_, meta, name);
  });
}

bool KnownObjects::has(const std::string& name) const {
  for (const int fd : {objects_, staging_}) {
    struct stat st;
    if (::fstatat(fd, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0) return true;
    if (errno != ENOENT) fail("fstatat", name);
  }
  return false;
}

}  // namespace native
