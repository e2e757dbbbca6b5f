// ingestFilez: received archive objects are inflated, checked against their names and stored.
#include <fcntl.h>
#include <unistd.h>

#include <cstring>
#include <memory>

#include "deflate.hpp"
#include "input.hpp"
#include "objects.hpp"

namespace native {
namespace {

using Info = Napi::CallbackInfo;

// Content up to this size is inflated in memory; larger content goes through an unnamed file.
constexpr uint64_t in_memory = uint64_t{1} << 20;
constexpr size_t result_size = 41;

enum Status : char { stored = 0, present = 1, corrupt = 2, unreadable = 3 };

struct Result {
  Status status = unreadable;
  Digest actual = {};
  uint64_t bytes = 0;
};

void read_exactly(Input& input, void* to, size_t size) {
  char* at = static_cast<char*>(to);
  while (size > 0) {
    const size_t got = input.read(at, size);
    if (got == 0) throw DataError("InvalidFormat", "object ends early");
    at += got;
    size -= got;
  }
}

FilezHeader read_header(Input& input) {
  uint8_t prefix[filez_prefix];
  read_exactly(input, prefix, sizeof prefix);
  std::string variant(filez_variant_length(prefix), '\0');
  read_exactly(input, variant.data(), variant.size());
  return decode_filez_header(variant);
}

class FilezIngest {
 public:
  FilezIngest(Fd objects, Fd staging, Mode mode)
      : objects_(std::move(objects)), staging_(std::move(staging)), mode_(mode), directory_(staging_.get(), false) {}

  Result ingest(const Digest& wanted, Input& input, Bulk& bulk, Worker& worker);

 private:
  Digest inflate(Input& input, const FilezHeader& header, Bulk& bulk, Worker& worker, const Sink& sink);
  bool store_received(const Digest& wanted, Input& input, Worker& worker, Bulk& bulk);
  Result ingest_small(const Digest& wanted, Input& input, const FilezHeader& header, Bulk& bulk, Worker& worker);
  Result ingest_large(const Digest& wanted, Input& input, const FilezHeader& header, Bulk& bulk, Worker& worker);

  Fd objects_, staging_;
  Mode mode_;
  ObjectDirectory directory_;
};

Result FilezIngest::ingest(const Digest& wanted, Input& input, Bulk& bulk, Worker& worker) {
  Result result;
  try {
    if (KnownObjects(objects_.get(), staging_.get()).has(object_name(wanted, file_suffix(mode_)))) {
      result.status = present;
      return result;
    }
    const FilezHeader header = read_header(input);
    require_storable(mode_, header.meta);
    const bool large = header.size > in_memory && mode_ != Mode::archive;
    return large ? ingest_large(wanted, input, header, bulk, worker) : ingest_small(wanted, input, header, bulk, worker);
  } catch (const DataError& error) {
    // Bad data is an answer about this item; the other items go on.
    if (strcmp(error.code, "InvalidFormat") != 0 && strcmp(error.code, "LimitExceeded") != 0) throw;
    result.status = unreadable;
    return result;
  }
}

// Feeds header and content to the hash and the content to `sink`; returns the checksum they have.
Digest FilezIngest::inflate(Input& input, const FilezHeader& header, Bulk& bulk, Worker& worker, const Sink& sink) {
  worker.sha.restart();
  worker.sha.update(encode_file_header(header.meta));
  const Source source = [&]() -> std::string_view {
    const size_t got = input.read(worker.buffer.data(), worker.buffer.size());
    return {reinterpret_cast<const char*>(worker.buffer.data()), got};
  };
  if (!S_ISLNK(header.meta.mode)) {
    inflate_stream(source, header.size, bulk, [&](const uint8_t* data, size_t size) {
      worker.sha.update(data, size);
      bulk.bytes += size;
      sink(data, size);
    });
  } else if (!source().empty()) {
    throw DataError("InvalidFormat", "symlink with content");
  }
  return worker.sha.finish();
}

// Archive repos keep the received bytes: no second compression.
bool FilezIngest::store_received(const Digest& wanted, Input& input, Worker& worker, Bulk& bulk) {
  const std::string name = object_name(wanted, "filez");
  ObjectDirectory::NewFile file = directory_.create(name);
  try {
    input.seek(0);
    for (size_t got; (got = input.read(worker.buffer.data(), worker.buffer.size())) > 0;) {
      bulk.check();
      if (kernel::write_all(file.fd.get(), worker.buffer.data(), got) < 0) fail("write", name);
    }
    set_object_attributes(file.fd.get(), Mode::archive, {}, name);
    return directory_.finish(file);
  } catch (...) {
    directory_.discard(file);
    throw;
  }
}

Result FilezIngest::ingest_small(const Digest& wanted, Input& input, const FilezHeader& header, Bulk& bulk, Worker& worker) {
  std::string content;
  const bool keep = mode_ != Mode::archive;
  if (keep) content.reserve(header.size);
  Result result;
  result.actual = inflate(input, header, bulk, worker, [&](const uint8_t* data, size_t size) {
    if (keep) content.append(reinterpret_cast<const char*>(data), size);
  });
  result.bytes = header.size;
  result.status = corrupt;
  if (result.actual != wanted) return result;
  const bool written = keep ? ObjectWriter(directory_, mode_, 6).write(wanted, header.meta, reinterpret_cast<const uint8_t*>(content.data()), content.size())
                            : store_received(wanted, input, worker, bulk);
  result.status = written ? stored : present;
  return result;
}

Result FilezIngest::ingest_large(const Digest& wanted, Input& input, const FilezHeader& header, Bulk& bulk, Worker& worker) {
  const std::string name = object_name(wanted, file_suffix(mode_));
  ObjectDirectory::NewFile file = directory_.create(name);
  try {
    Result result;
    result.actual = inflate(input, header, bulk, worker, [&](const uint8_t* data, size_t size) {
      if (kernel::write_all(file.fd.get(), data, size) < 0) fail("write", name);
    });
    result.bytes = header.size;
    if (result.actual != wanted) {
      result.status = corrupt;
      directory_.discard(file);
      return result;
    }
    set_object_attributes(file.fd.get(), mode_, header.meta, name);
    result.status = directory_.finish(file) ? stored : present;
    return result;
  } catch (...) {
    directory_.discard(file);
    throw;
  }
}

void put(const Result& result, char* to) {
  to[0] = result.status;
  memcpy(to + 1, result.actual.data(), 32);
  for (size_t i = 0; i < 8; i++) to[33 + i] = static_cast<char>(result.bytes >> (8 * i));
}

Napi::Value ingest_filez(const Info& info) {
  Request request(info);
  const Mode mode = parse_mode(info.Env(), request.text("mode"));
  auto ingest = std::make_shared<FilezIngest>(request.fd("objects"), request.fd("staging"), mode);
  auto inputs = std::make_shared<std::vector<Input>>();
  auto duplicates = std::make_shared<std::vector<Fd>>();
  if (request.has("data")) {
    for (const Bytes& bytes : request.buffers("data")) inputs->emplace_back(bytes);
  } else {
    for (const int fd : request.numbers("fds")) {
      duplicates->emplace_back(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
      if (!duplicates->back()) throw_errno(info, "fcntl");
      inputs->emplace_back(duplicates->back().get());
    }
  }
  auto checksums = std::make_shared<std::string>(request.bytes("checksums"));
  if (checksums->size() != inputs->size() * 32) throw Napi::TypeError::New(info.Env(), "as many checksums as items");
  auto results = std::make_shared<std::string>(inputs->size() * result_size, '\0');
  const auto work = [=](Bulk& bulk) {
    parallel_for(bulk, inputs->size(), 4, [&] {
      return [&, worker = std::make_shared<Worker>()](size_t index) {
        Digest wanted;
        memcpy(wanted.data(), checksums->data() + index * 32, 32);
        put(ingest->ingest(wanted, (*inputs)[index], bulk, *worker), results->data() + index * result_size);
        bulk.items++;
      };
    });
    duplicates->clear();
  };
  return start_bulk(info.Env(), request, work, [results](Napi::Env env) -> Napi::Value {
    return Napi::Buffer<char>::Copy(env, results->data(), results->size());
  });
}

}  // namespace

void export_ingest_filez(Napi::Env env, Napi::Object exports) {
  exports.Set("ingestFilez", Napi::Function::New(env, ingest_filez, "ingestFilez"));
}

}  // namespace native
