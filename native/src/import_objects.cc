// importObjects: objects of another repository of the same mode, linked or copied into a staging.
#include <fcntl.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "objects.hpp"

namespace native {
namespace {

using Info = Napi::CallbackInfo;

constexpr size_t max_metadata = size_t{128} << 20;

struct Totals {
  std::atomic<uint64_t> linked{0}, copied{0}, present{0}, bytes{0};
};

class Import {
 public:
  Import(Fd from, Fd objects, Fd staging, Mode mode, bool link, bool verify)
      : from_(std::move(from)), objects_(std::move(objects)), staging_(std::move(staging)), mode_(mode), link_(link), verify_(verify), directory_(staging_.get(), false) {}

  void take(const std::string& name, Bulk& bulk, Worker& worker);
  Totals totals;

 private:
  void check(const std::string& name, const ObjectName& object, Bulk& bulk, Worker& worker);
  bool link(const std::string& name);
  void copy(const std::string& name, const ObjectName& object, Bulk& bulk, Worker& worker);
  bool copy_symlink(const std::string& name, const ObjectName& object, const struct stat& st, Bulk& bulk, Worker& worker);
  bool copy_regular(const std::string& name, const ObjectName& object, Bulk& bulk, Worker& worker);
  // A new file, and the attributes its source had when it was read.
  struct Copied {
    int fd;
    const struct stat& st;
    const Xattrs& xattrs;
  };
  void check_copy(const std::string& name, const ObjectName& object, const Copied& copied, Bulk& bulk, Worker& worker);

  Fd from_, objects_, staging_;
  Mode mode_;
  bool link_, verify_;
  ObjectDirectory directory_;
};

void Import::take(const std::string& name, Bulk& bulk, Worker& worker) {
  const auto object = parse_object_name(name.substr(0, 2), name.size() > 3 && name[2] == '/' ? name.substr(3) : "");
  if (!object) throw DataError("InvalidArgument", name + " is not the name of an object");
  // Detached metadata is the one kind that may differ under the same name.
  const bool replaceable = object->suffix == "commitmeta";
  if (replaceable) {
    if (kernel::unlinkat(staging_.get(), name.c_str(), 0) < 0 && errno != ENOENT) fail("unlinkat", name);
  } else if (KnownObjects(objects_.get(), staging_.get()).has(name)) {
    totals.present++;
    return;
  }
  directory_.ensure_prefix(name);
  if (link_) {
    if (verify_) check(name, *object, bulk, worker);
    if (link(name)) return;
  }
  copy(name, *object, bulk, worker);
}

constexpr uint8_t file_type = 1, last_checksummed_type = 4;

[[noreturn]] void corrupt(const std::string& name, const std::string& why) {
  throw DataError("CorruptObject", "corrupt object " + name + ": " + why, {{"object", name}});
}

template <typename Compute>
void require_same(const std::string& name, const ObjectName& object, Compute compute) {
  Digest actual;
  try {
    actual = compute();
  } catch (const DataError& error) {
    if (strcmp(error.code, "InvalidFormat") != 0 && strcmp(error.code, "LimitExceeded") != 0) throw;
    corrupt(name, error.message);
  }
  if (actual == object.checksum) return;
  throw DataError("CorruptObject", "corrupt object " + name, {{"object", name}, {"actual", to_hex(actual)}});
}

void Import::check(const std::string& name, const ObjectName& object, Bulk& bulk, Worker& worker) {
  if (object.type > last_checksummed_type) return;
  require_same(name, object, [&] {
    if (object.type == file_type) {
      const auto opened = open_file_object(from_.get(), mode_, object.checksum);
      if (!opened) throw DataError("MissingObject", "missing object " + name, {{"object", name}});
      return actual_checksum(*opened, bulk, worker);
    }
    const Fd fd = open_file(from_.get(), name, name);
    worker.sha.restart();
    worker.sha.update(read_whole(fd.get(), max_metadata, name));
    return worker.sha.finish();
  });
}

// Looks at what was copied, not at what it was copied from: who owns the other repository may change that between two looks.
void Import::check_copy(const std::string& name, const ObjectName& object, const Copied& copied, Bulk& bulk, Worker& worker) {
  if (object.type > last_checksummed_type) return;
  Fd fd(::fcntl(copied.fd, F_DUPFD_CLOEXEC, 0));
  if (!fd) fail("fcntl", name);
  if (object.type == file_type) {
    require_same(name, object, [&] { return actual_checksum(file_object_of(std::move(fd), mode_, copied.st, copied.xattrs, name), bulk, worker); });
    return;
  }
  if (stat_fd(fd.get(), name).st_size > static_cast<off_t>(max_metadata)) corrupt(name, "it is too large");
  if (::lseek(fd.get(), 0, SEEK_SET) < 0) fail("lseek", name);
  require_same(name, object, [&] { return hash_rest(fd.get(), "", bulk, worker, name); });
}

// False where a link is not possible.
bool Import::link(const std::string& name) {
  if (kernel::linkat(from_.get(), name.c_str(), staging_.get(), name.c_str(), 0) == 0) {
    totals.linked++;
    return true;
  }
  if (errno == EEXIST) {
    totals.present++;
    return true;
  }
  if (errno == ENOENT) throw DataError("MissingObject", "missing object " + name, {{"object", name}});
  if (errno == EXDEV || errno == EMLINK || errno == EPERM || errno == EOPNOTSUPP) return false;
  fail("linkat", name);
}

void Import::copy(const std::string& name, const ObjectName& object, Bulk& bulk, Worker& worker) {
  struct stat st;
  if (::fstatat(from_.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0) {
    if (errno == ENOENT) throw DataError("MissingObject", "missing object " + name, {{"object", name}});
    fail("fstatat", name);
  }
  const bool made = S_ISLNK(st.st_mode) ? copy_symlink(name, object, st, bulk, worker) : copy_regular(name, object, bulk, worker);
  (made ? totals.copied : totals.present)++;
}

bool Import::copy_symlink(const std::string& name, const ObjectName& object, const struct stat& st, Bulk& bulk, Worker& worker) {
  const bool real = mode_ == Mode::bare || mode_ == Mode::bare_user_only;
  if (object.type != file_type || !real) corrupt(name, "it is a symlink");
  FileObject link;
  link.path = name;
  link.meta = {st.st_uid, st.st_gid, st.st_mode, read_link(from_.get(), name, name), without_empty(read_xattrs_at(from_.get(), name, name))};
  const Meta kept = link.meta;
  if (mode_ == Mode::bare_user_only) {
    link.meta.uid = link.meta.gid = 0;
    link.meta.xattrs.clear();
  }
  if (verify_) require_same(name, object, [&] { return actual_checksum(link, bulk, worker); });
  return directory_.symlink(name, kept);
}

bool Import::copy_regular(const std::string& name, const ObjectName& object, Bulk& bulk, Worker& worker) {
  const Fd from = open_file(from_.get(), name, name);
  const struct stat st = stat_fd(from.get(), name);
  if (!S_ISREG(st.st_mode)) corrupt(name, "it is not a regular file");
  ObjectDirectory::NewFile file = directory_.create(name);
  try {
    const int to = file.fd.get();
    copy_content(from.get(), to, static_cast<uint64_t>(st.st_size), bulk, worker, name);
    totals.bytes += static_cast<uint64_t>(st.st_size);
    const bool owned = mode_ == Mode::bare;
    const Xattrs xattrs = owned || mode_ == Mode::bare_user ? read_xattrs(from.get(), name) : Xattrs();
    if (verify_) check_copy(name, object, {to, st, xattrs}, bulk, worker);
    if (owned && kernel::fchown(to, st.st_uid, st.st_gid) < 0) fail("fchown", name);
    write_xattrs(to, xattrs, name);
    if (kernel::fchmod(to, st.st_mode & 07777) < 0) fail("fchmod", name);
    const struct timespec times[2] = {st.st_mtim, st.st_mtim};
    if (kernel::futimens(to, times) < 0) fail("futimens", name);
    return directory_.finish(file);
  } catch (...) {
    directory_.discard(file);
    throw;
  }
}

Napi::Value import_objects(const Info& info) {
  Request request(info);
  const Mode mode = parse_mode(info.Env(), request.text("mode"));
  auto import = std::make_shared<Import>(request.fd("from"), request.fd("objects"), request.fd("staging"), mode, request.flag("link"), request.flag("verify"));
  auto names = std::make_shared<std::vector<std::string>>(request.texts("names"));
  const auto work = [import, names](Bulk& bulk) {
    parallel_for(bulk, names->size(), 64, [&] {
      return [&, worker = std::make_shared<Worker>()](size_t index) {
        import->take((*names)[index], bulk, *worker);
        bulk.items++;
      };
    });
  };
  return start_bulk(info.Env(), request, work, [import](Napi::Env env) {
    const Totals& t = import->totals;
    return number_record(env, {{"linked", t.linked}, {"copied", t.copied}, {"present", t.present}, {"bytes", t.bytes}});
  });
}

}  // namespace

void export_import(Napi::Env env, Napi::Object exports) {
  exports.Set("importObjects", Napi::Function::New(env, import_objects, "importObjects"));
}

}  // namespace native
