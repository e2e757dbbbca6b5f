// publishStaging and listObjects: whole objects directories.
#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>

#include <cerrno>
#include <memory>

#include "objects.hpp"

namespace native {
namespace {

using Info = Napi::CallbackInfo;

std::vector<std::string> list_prefixes(int fd) {
  std::vector<std::string> prefixes;
  for (Entry& entry : list_directory(fd, "objects")) {
    if (entry.type == DT_DIR && is_prefix(entry.name)) prefixes.push_back(std::move(entry.name));
  }
  return prefixes;
}

class Publish {
 public:
  Publish(Fd staging, Fd objects, bool sync) : staging_(std::move(staging)), objects_(std::move(objects)), sync_(sync) {}

  void run(Bulk& bulk) {
    const std::vector<std::string> prefixes = list_prefixes(staging_.get());
    parallel_for(bulk, prefixes.size(), 1, [&] {
      return [&](size_t index) { publish_prefix(prefixes[index], bulk); };
    });
    // Without a new name there is nothing to make durable.
    if (sync_ && moved > 0 && kernel::fsync(objects_.get()) < 0) fail("fsync", "objects");
  }
  std::atomic<uint64_t> moved{0};

 private:
  void publish_prefix(const std::string& prefix, Bulk& bulk) {
    const Fd from = open_directory_below(staging_.get(), prefix);
    const std::vector<Entry> entries = list_directory(from.get(), prefix);
    uint64_t count = 0;
    for (const Entry& entry : entries) count += parse_object_name(prefix, entry.name) ? 1 : 0;
    if (count == 0) return;
    Fd to;
    // A directory that the repository lacks moves as a whole, if there is nothing but objects in it.
    if (count == entries.size() && kernel::renameat2(staging_.get(), prefix.c_str(), objects_.get(), prefix.c_str(), RENAME_NOREPLACE) == 0) {
      to = open_directory_below(objects_.get(), prefix);
    } else {
      if (count == entries.size() && errno != EEXIST && errno != EINVAL) fail("renameat2", prefix);
      if (kernel::mkdirat(objects_.get(), prefix.c_str(), 0777) < 0 && errno != EEXIST) fail("mkdirat", prefix);
      to = open_directory_below(objects_.get(), prefix);
      count = 0;
      for (const Entry& entry : entries) {
        bulk.check();
        if (parse_object_name(prefix, entry.name) && publish_one(from.get(), to.get(), prefix, entry.name)) count++;
      }
    }
    if (count == 0) return;
    moved += count;
    bulk.items += count;
    if (sync_ && kernel::fsync(to.get()) < 0) fail("fsync", prefix);
  }

  // False if the object was there: the staged copy is dropped.
  static bool publish_one(int from, int to, const std::string& prefix, const std::string& name) {
    const bool replaces = name.size() > 63 && name.substr(63) == "commitmeta";
    if (kernel::renameat2(from, name.c_str(), to, name.c_str(), replaces ? 0 : RENAME_NOREPLACE) == 0) return true;
    if (errno == EINVAL) {
      // A file system without RENAME_NOREPLACE: a link does not replace either.
      if (kernel::linkat(from, name.c_str(), to, name.c_str(), 0) == 0) {
        if (kernel::unlinkat(from, name.c_str(), 0) < 0) fail("unlinkat", join(prefix, name));
        return true;
      }
    }
    if (errno != EEXIST) fail("renameat2", join(prefix, name));
    if (kernel::unlinkat(from, name.c_str(), 0) < 0) fail("unlinkat", join(prefix, name));
    return false;
  }

  Fd staging_, objects_;
  bool sync_;
};

Napi::Value publish_staging(const Info& info) {
  Request request(info);
  auto publish = std::make_shared<Publish>(request.fd("staging"), request.fd("objects"), request.flag("sync"));
  return start_bulk(info.Env(), request, [publish](Bulk& bulk) { publish->run(bulk); }, [publish](Napi::Env env) -> Napi::Value {
    return Napi::Number::New(env, static_cast<double>(publish->moved.load()));
  });
}

// 33 bytes per object: the type's number and the checksum.
Napi::Value list_objects(const Info& info) {
  Request request(info);
  auto objects = std::make_shared<Fd>(request.fd("objects"));
  auto listed = std::make_shared<std::string>();
  const auto work = [objects, listed](Bulk& bulk) {
    const std::vector<std::string> prefixes = list_prefixes(objects->get());
    std::mutex mutex;
    parallel_for(bulk, prefixes.size(), 4, [&] {
      return [&](size_t index) {
        const std::string& prefix = prefixes[index];
        const Fd fd = open_directory_below(objects->get(), prefix);
        std::string records;
        for (const Entry& entry : list_directory(fd.get(), prefix)) {
          const auto object = parse_object_name(prefix, entry.name);
          if (!object) continue;
          records += static_cast<char>(object->type);
          records.append(reinterpret_cast<const char*>(object->checksum.data()), object->checksum.size());
        }
        bulk.items += records.size() / 33;
        std::lock_guard<std::mutex> lock(mutex);
        listed->append(records);
      };
    });
  };
  return start_bulk(info.Env(), request, work, [listed](Napi::Env env) -> Napi::Value {
    return Napi::Buffer<char>::Copy(env, listed->data(), listed->size());
  });
}

}  // namespace

void export_publish(Napi::Env env, Napi::Object exports) {
  exports.Set("publishStaging", Napi::Function::New(env, publish_staging, "publishStaging"));
  exports.Set("listObjects", Napi::Function::New(env, list_objects, "listObjects"));
}

}  // namespace native
