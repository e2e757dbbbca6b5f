// hashFiles and verifyObjects: reading many files and comparing what they are.
#include <fcntl.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "objects.hpp"

namespace native {
namespace {

using Info = Napi::CallbackInfo;

// Indices handed to a thread at a time: few enough to keep all threads busy to the end.
constexpr size_t batch = 16;

// A device would be read without end.
Fd open_regular(const std::string& path) {
  Fd fd(kernel::openat(AT_FDCWD, path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY));
  if (!fd) fail("openat", path);
  if (!S_ISREG(stat_fd(fd.get(), path).st_mode)) throw DataError("InvalidFormat", path + " is not a regular file", {{"path", path}});
  return fd;
}

Napi::Value hash_files(const Info& info) {
  Request request(info);
  auto paths = std::make_shared<std::vector<std::string>>(request.texts("paths"));
  auto digests = std::make_shared<std::string>(paths->size() * 32, '\0');
  const auto work = [paths, digests](Bulk& bulk) {
    parallel_for(bulk, paths->size(), batch, [&] {
      return [&bulk, paths, digests, worker = std::make_shared<Worker>()](size_t index) {
        const std::string& path = (*paths)[index];
        const Fd fd = open_regular(path);
        const Digest digest = hash_rest(fd.get(), "", bulk, *worker, path);
        memcpy(digests->data() + index * 32, digest.data(), 32);
        bulk.items++;
      };
    });
  };
  return start_bulk(info.Env(), request, work, [digests](Napi::Env env) -> Napi::Value {
    return Napi::Buffer<char>::Copy(env, digests->data(), digests->size());
  });
}

Napi::Value hash_joined(const Info& info) {
  Request request(info);
  auto paths = std::make_shared<std::vector<std::string>>(request.texts("paths"));
  auto digest = std::make_shared<Digest>();
  const auto work = [paths, digest](Bulk& bulk) {
    Worker worker;
    worker.sha.restart();
    for (const std::string& path : *paths) {
      const Fd fd = open_regular(path);
      each_chunk(fd.get(), bulk, worker, path, [&](const uint8_t* data, size_t size) {
        worker.sha.update(data, size);
        bulk.bytes += size;
      });
      bulk.items++;
    }
    *digest = worker.sha.finish();
  };
  return start_bulk(info.Env(), request, work, [digest](Napi::Env env) -> Napi::Value {
    return Napi::Buffer<uint8_t>::Copy(env, digest->data(), digest->size());
  });
}

enum Status : char { ok = 0, missing = 1, corrupt = 2, unreadable = 3 };

// One status byte and the actual checksum.
void verify_one(int objects, Mode mode, Bulk& bulk, Worker& worker, const char* wanted, char* result) {
  Digest checksum;
  memcpy(checksum.data(), wanted, 32);
  try {
    const auto object = open_file_object(objects, mode, checksum);
    if (!object) {
      result[0] = missing;
      return;
    }
    const Digest actual = actual_checksum(*object, bulk, worker);
    memcpy(result + 1, actual.data(), 32);
    result[0] = actual == checksum ? ok : corrupt;
  } catch (const DataError&) {
    result[0] = unreadable;
  } catch (const SystemError& error) {
    // A bad sector or a damaged inode is what one looks for; the other objects are still to be looked at.
    if (error.error != EIO && error.error != EBADMSG && error.error != EUCLEAN) throw;
    result[0] = unreadable;
  }
}

Napi::Value verify_objects(const Info& info) {
  Request request(info);
  auto objects = std::make_shared<Fd>(request.fd("objects"));
  const Mode mode = parse_mode(info.Env(), request.text("mode"));
  auto checksums = std::make_shared<std::string>(request.bytes("checksums"));
  const size_t count = checksums->size() / 32;
  auto results = std::make_shared<std::string>(count * 33, '\0');
  const auto work = [=](Bulk& bulk) {
    parallel_for(bulk, count, batch, [&] {
      return [&, worker = std::make_shared<Worker>()](size_t index) {
        verify_one(objects->get(), mode, bulk, *worker, checksums->data() + index * 32, results->data() + index * 33);
        bulk.items++;
      };
    });
  };
  return start_bulk(info.Env(), request, work, [results](Napi::Env env) -> Napi::Value {
    return Napi::Buffer<char>::Copy(env, results->data(), results->size());
  });
}

}  // namespace

void export_hashing(Napi::Env env, Napi::Object exports) {
  exports.Set("hashJoined", Napi::Function::New(env, hash_joined, "hashJoined"));
  exports.Set("hashFiles", Napi::Function::New(env, hash_files, "hashFiles"));
  exports.Set("verifyObjects", Napi::Function::New(env, verify_objects, "verifyObjects"));
}

}  // namespace native
