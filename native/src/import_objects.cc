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
  void copy(const std::string& name, Bulk& bulk, Worker& worker);
  bool copy_regular(const std::string& name, Bulk& bulk, Worker& worker);

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
  if (verify_) check(name, *object, bulk, worker);
  directory_.ensure_prefix(name);
  if (!(link_ && link(name))) copy(name, bulk, worker);
}

void Import::check(const std::string& name, const ObjectName& object, Bulk& bulk, Worker& worker) {
  constexpr uint8_t file = 1, last_checksummed = 4;
  if (object.type > last_checksummed) return;
  Digest actual;
  if (object.type == file) {
    const auto opened = open_file_object(from_.get(), mode_, object.checksum);
    if (!opened) throw DataError("MissingObject", "missing object " + name, {{"object", name}});
    actual = actual_checksum(*opened, bulk, worker);
  } else {
    const Fd fd = open_file(from_.get(), name, name);
    worker.sha.restart();
    worker.sha.update(read_whole(fd.get(), max_metadata, name));
    actual = worker.sha.finish();
  }
  if (actual != object.checksum) throw DataError("CorruptObject", "corrupt object " + name, {{"object", name}, {"actual", to_hex(actual)}});
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

void Import::copy(const std::string& name, Bulk& bulk, Worker& worker) {
  struct stat st;
  if (::fstatat(from_.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0) {
    if (errno == ENOENT) throw DataError("MissingObject", "missing object " + name, {{"object", name}});
    fail("fstatat", name);
  }
  bool made;
  if (S_ISLNK(st.st_mode)) {
    const Meta meta{st.st_uid, st.st_gid, st.st_mode, read_link(from_.get(), name, name), without_empty(read_xattrs_at(from_.get(), name, name))};
    made = directory_.symlink(name, meta);
  } else {
    made = copy_regular(name, bulk, worker);
  }
  (made ? totals.copied : totals.present)++;
}

bool Import::copy_regular(const std::string& name, Bulk& bulk, Worker& worker) {
  const Fd from = open_file(from_.get(), name, name);
  const struct stat st = stat_fd(from.get(), name);
  ObjectDirectory::NewFile file = directory_.create(name);
  try {
    const int to = file.fd.get();
    copy_content(from.get(), to, static_cast<uint64_t>(st.st_size), bulk, worker, name);
    totals.bytes += static_cast<uint64_t>(st.st_size);
    const bool owned = mode_ == Mode::bare;
    if (owned && kernel::fchown(to, st.st_uid, st.st_gid) < 0) fail("fchown", name);
    if (owned || mode_ == Mode::bare_user) write_xattrs(to, read_xattrs(from.get(), name), name);
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
