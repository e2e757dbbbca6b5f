// applyDeltaPart: one part of a static delta is decompressed and its operations write objects into a staging.
//
// Source: OSTree repository format, static deltas. Everything in a part is hostile: every number is checked against the
// table, payload or file it points into, and nothing gets a name before its checksum is what the superblock says.
#include <fcntl.h>
#include <unistd.h>

#include <cstring>
#include <memory>

#include "input.hpp"
#include "objects.hpp"
#include "xz.hpp"

namespace native {
namespace {

using Info = Napi::CallbackInfo;

enum ObjectType : uint8_t { file = 1, dirtree = 2, dirmeta = 3 };

// The same as PATH_MAX without its terminator.
constexpr size_t max_target = 4095;
// An old file that is stored deflated is inflated into memory, for a patch jumps about in it.
constexpr uint64_t max_inflated_source = uint64_t{256} << 20;
constexpr size_t record_size = 33;

[[noreturn]] void invalid(const std::string& what) { throw DataError("InvalidFormat", what); }

struct PartRequest {
  Fd objects, parent_objects, staging;
  Mode mode, parent_mode;
  // Type and checksum of each object, in the order in which the operations make them.
  std::string records;
  // What all objects may have together, and what the decompressed part may have.
  uint64_t max_content, max_payload;
  std::optional<Digest> checksum;
};

struct Totals {
  uint64_t written = 0, present = 0, bytes = 0;
};

// An old file that new ones are made of, readable at any offset.
class OldFile {
 public:
  OldFile(FileObject object, Bulk& bulk, Worker& worker) : object_(std::move(object)) {
    if (!S_ISREG(object_.meta.mode)) invalid("the read source is not a regular file");
    if (!object_.deflated) return;
    if (object_.size > max_inflated_source) throw DataError("LimitExceeded", "the read source is too large to inflate");
    each_content(object_, bulk, worker, [&](const uint8_t* data, size_t size) { window_.append(reinterpret_cast<const char*>(data), size); });
  }
  uint64_t size() const { return object_.size; }
  // The bytes from `offset` on, at least one and at most `length` of them; `offset` must be below the size.
  std::string_view at(uint64_t offset, uint64_t length) {
    if (offset < begin_ || offset >= begin_ + window_.size()) fill(offset);
    const size_t from = static_cast<size_t>(offset - begin_);
    return std::string_view(window_).substr(from, static_cast<size_t>(std::min<uint64_t>(length, window_.size() - from)));
  }

 private:
  static constexpr size_t window_size = size_t{256} << 10;
  void fill(uint64_t offset) {
    // A little before it as well: patches step back by small distances.
    begin_ = offset - std::min<uint64_t>(offset, window_size / 8);
    window_.resize(window_size);
    size_t filled = 0;
    while (filled < window_.size()) {
      const ssize_t got = ::pread(object_.fd.get(), window_.data() + filled, window_.size() - filled, static_cast<off_t>(begin_ + filled));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) fail("pread", object_.path);
      if (got == 0) break;
      filled += static_cast<size_t>(got);
    }
    window_.resize(filled);
    if (offset >= begin_ + filled) throw DataError("Io", object_.path + " became shorter while it was read");
  }
  FileObject object_;
  std::string window_;
  uint64_t begin_ = 0;
};

// A file object being written. Dropped without `finish` it leaves nothing.
class NewObject {
 public:
  NewObject(ObjectDirectory& directory, Mode mode, Meta meta, uint64_t size, const Digest& checksum, Worker& worker)
      : directory_(directory), mode_(mode), meta_(std::move(meta)), size_(size), checksum_(checksum), worker_(worker), name_(object_name(checksum, file_suffix(mode))) {
    require_storable(mode_, meta_);
    file_ = directory_.create(name_);
    worker_.sha.restart();
    worker_.sha.update(encode_file_header(meta_));
  }
  ~NewObject() {
    if (file_.fd) directory_.discard(file_);
  }
  NewObject(const NewObject&) = delete;
  NewObject& operator=(const NewObject&) = delete;
  uint64_t left() const { return size_ - done_; }
  uint64_t size() const { return size_; }
  bool untouched() const { return done_ == 0; }

  void append(std::string_view data) {
    if (data.size() > left()) invalid("more content than the object's size");
    done_ += data.size();
    worker_.sha.update(data.data(), data.size());
    if (buffer_.size() + data.size() > buffer_size) flush();
    if (data.size() >= buffer_size) write(data);
    else buffer_ += data;
  }
  // False if the object was there already.
  bool finish() {
    flush();
    if (left() != 0) invalid("less content than the object's size");
    require_checksum(worker_.sha.finish(), checksum_);
    set_object_attributes(file_.fd.get(), mode_, meta_, name_);
    const bool made = directory_.finish(file_);
    file_.fd.reset();
    return made;
  }
  static void require_checksum(const Digest& actual, const Digest& wanted) {
    if (actual == wanted) return;
    const std::string name = to_hex(wanted);
    throw DataError("CorruptObject", "object " + name + " has the checksum " + to_hex(actual), {{"checksum", name}, {"actual", to_hex(actual)}});
  }

 private:
  static constexpr size_t buffer_size = size_t{256} << 10;
  void flush() {
    if (!buffer_.empty()) write(buffer_);
    buffer_.clear();
  }
  void write(std::string_view data) {
    if (kernel::write_all(file_.fd.get(), data.data(), data.size()) < 0) fail("write", name_);
  }
  ObjectDirectory& directory_;
  Mode mode_;
  Meta meta_;
  uint64_t size_, done_ = 0;
  Digest checksum_;
  Worker& worker_;
  std::string name_, buffer_;
  ObjectDirectory::NewFile file_;
};

// The operations of one part, one after the other.
class PartRun {
 public:
  PartRun(PartRequest& request, const DeltaPayload& payload, Bulk& bulk)
      : request_(request), payload_(payload), bulk_(bulk), directory_(request.staging.get(), false) {}
  Totals run();

 private:
  void step(char operation);
  void splice();
  void splice_metadata(ObjectType type, const Digest& checksum);
  void splice_file(const Digest& checksum);
  void open();
  void write();
  void set_source();
  void patch();
  void close();
  void advance();

  uint64_t number();
  std::string_view slice(uint64_t offset, uint64_t size) const;
  Meta meta();
  ObjectType type() const;
  Digest checksum() const;
  bool is_present(const std::string& name) const { return KnownObjects(request_.objects.get(), request_.staging.get()).has(name); }
  void charge(uint64_t size);
  void require_open() const {
    if (!open_) invalid("no object is open");
  }
  OldFile& source();

  PartRequest& request_;
  const DeltaPayload& payload_;
  Bulk& bulk_;
  ObjectDirectory directory_;
  Worker worker_;
  Totals totals_;
  size_t at_ = 0;     // in the operations
  size_t index_ = 0;  // in the records
  uint64_t charged_ = 0;
  bool open_ = false;
  std::unique_ptr<NewObject> object_;  // empty while the open object is one that exists already
  std::optional<Digest> source_name_;
  std::unique_ptr<OldFile> source_;
};

Totals PartRun::run() {
  while (at_ < payload_.operations.size()) {
    bulk_.check();
    step(payload_.operations[at_++]);
  }
  if (open_) invalid("the operations end with an open object");
  if (index_ * record_size != request_.records.size()) invalid("the operations make fewer objects than the part lists");
  return totals_;
}

void PartRun::step(char operation) {
  switch (operation) {
    case 'S': return splice();
    case 'o': return open();
    case 'w': return write();
    case 'r': return set_source();
    case 'R':
      source_name_.reset();
      source_.reset();
      return;
    case 'B': return patch();
    case 'c': return close();
    default: invalid("unknown operation " + std::to_string(static_cast<uint8_t>(operation)));
  }
}

// LEB128, at most 64 bits.
uint64_t PartRun::number() {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (at_ >= payload_.operations.size()) invalid("the operations end early");
    const auto byte = static_cast<uint8_t>(payload_.operations[at_++]);
    if (shift == 63 && byte > 1) break;
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return value;
  }
  invalid("number with more than 64 bits");
}

std::string_view PartRun::slice(uint64_t offset, uint64_t size) const {
  if (offset > payload_.data.size() || size > payload_.data.size() - offset) invalid("payload offset out of bounds");
  return payload_.data.substr(static_cast<size_t>(offset), static_cast<size_t>(size));
}

Meta PartRun::meta() {
  const uint64_t mode = number();
  const uint64_t xattrs = number();
  Meta result = delta_mode(payload_, mode);
  result.xattrs = delta_xattrs(payload_, xattrs);
  return result;
}

ObjectType PartRun::type() const {
  if (index_ * record_size >= request_.records.size()) invalid("the operations make more objects than the part lists");
  const auto type = static_cast<uint8_t>(request_.records[index_ * record_size]);
  // A commit comes with the superblock, where it is judged before anything is written.
  if (type != file && type != dirtree && type != dirmeta) invalid("object of a type that no part may hold");
  return static_cast<ObjectType>(type);
}

Digest PartRun::checksum() const {
  Digest result;
  memcpy(result.data(), request_.records.data() + index_ * record_size + 1, result.size());
  return result;
}

void PartRun::charge(uint64_t size) {
  if (size > request_.max_content - charged_) throw DataError("LimitExceeded", "the part makes more content than its superblock says");
  charged_ += size;
}

void PartRun::advance() {
  index_++;
  bulk_.items++;
}

void PartRun::splice() {
  if (open_) invalid("an object is open already");
  const ObjectType kind = type();
  if (kind == file) splice_file(checksum());
  else splice_metadata(kind, checksum());
  advance();
}

void PartRun::splice_metadata(ObjectType kind, const Digest& wanted) {
  const uint64_t size = number();
  const std::string_view data = slice(number(), size);
  charge(size);
  const std::string name = object_name(wanted, kind == dirtree ? "dirtree" : "dirmeta");
  if (is_present(name)) {
    totals_.present++;
    return;
  }
  worker_.sha.restart();
  worker_.sha.update(data.data(), data.size());
  NewObject::require_checksum(worker_.sha.finish(), wanted);
  // What cannot be read never gets in, whatever its name.
  if (kind == dirtree) decode_tree(data);
  else if (!S_ISDIR(decode_meta(data).mode)) invalid("dirmeta that is not of a directory");
  ObjectDirectory::NewFile made = directory_.create(name);
  try {
    if (kernel::write_all(made.fd.get(), data.data(), data.size()) < 0) fail("write", name);
    if (kernel::fchmod(made.fd.get(), 0644) < 0) fail("fchmod", name);
    (directory_.finish(made) ? totals_.written : totals_.present)++;
  } catch (...) {
    directory_.discard(made);
    throw;
  }
  totals_.bytes += size;
  bulk_.bytes += size;
}

void PartRun::splice_file(const Digest& wanted) {
  Meta header = meta();
  const uint64_t size = number();
  const std::string_view data = slice(number(), size);
  const std::string name = object_name(wanted, file_suffix(request_.mode));
  const bool symlink = S_ISLNK(header.mode);
  if (symlink) {
    if (data.empty() || data.size() > max_target || data.find('\0') != std::string_view::npos) invalid("impossible symlink target");
    header.target = data;
  } else {
    charge(size);
  }
  if (is_present(name)) {
    totals_.present++;
    return;
  }
  if (!symlink) {
    NewObject object(directory_, request_.mode, std::move(header), size, wanted, worker_);
    object.append(data);
    (object.finish() ? totals_.written : totals_.present)++;
  } else {
    worker_.sha.restart();
    worker_.sha.update(encode_file_header(header));
    NewObject::require_checksum(worker_.sha.finish(), wanted);
    (ObjectWriter(directory_, request_.mode, 0).write(wanted, header, nullptr, 0) ? totals_.written : totals_.present)++;
  }
  totals_.bytes += size;
  bulk_.bytes += size;
}

void PartRun::open() {
  if (open_) invalid("an object is open already");
  if (type() != file) invalid("only a file can be opened");
  Meta header = meta();
  const uint64_t size = number();
  if (!S_ISREG(header.mode)) invalid("only a regular file can be opened");
  charge(size);
  const Digest wanted = checksum();
  open_ = true;
  if (is_present(object_name(wanted, file_suffix(request_.mode)))) return;
  object_ = std::make_unique<NewObject>(directory_, request_.mode, std::move(header), size, wanted, worker_);
}

void PartRun::write() {
  require_open();
  uint64_t size = number();
  uint64_t offset = number();
  if (!source_name_) {
    const std::string_view data = slice(offset, size);
    if (object_) object_->append(data);
    return;
  }
  if (!object_) return;
  OldFile& old = source();
  if (offset > old.size() || size > old.size() - offset) invalid("offset in the read source out of bounds");
  while (size > 0) {
    bulk_.check();
    const std::string_view data = old.at(offset, size);
    object_->append(data);
    offset += data.size();
    size -= data.size();
  }
}

void PartRun::set_source() {
  const std::string_view name = slice(number(), sizeof(Digest));
  Digest digest;
  memcpy(digest.data(), name.data(), digest.size());
  source_.reset();
  source_name_ = digest;
}

// Opened when it is first needed: not at all if the objects made of it exist.
OldFile& PartRun::source() {
  if (!source_name_) invalid("no read source is set");
  if (source_) return *source_;
  // Reading may need the worker's buffer, never its hash: an object is being written.
  auto found = open_file_object(request_.objects.get(), request_.mode, *source_name_);
  if (!found) found = open_file_object(request_.staging.get(), request_.mode, *source_name_);
  if (!found && request_.parent_objects) found = open_file_object(request_.parent_objects.get(), request_.parent_mode, *source_name_);
  if (!found) {
    const std::string name = to_hex(*source_name_);
    throw DataError("MissingObject", "the part builds on the file object " + name + ", which is not here", {{"checksum", name}, {"type", "file"}});
  }
  source_ = std::make_unique<OldFile>(std::move(*found), bulk_, worker_);
  return *source_;
}

// A 64-bit little-endian number, its highest bit the sign.
int64_t signed_magnitude(std::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < 8; i++) value |= static_cast<uint64_t>(static_cast<uint8_t>(bytes[i])) << (8 * i);
  const auto magnitude = static_cast<int64_t>(value & ~(uint64_t{1} << 63));
  return value >> 63 ? -magnitude : magnitude;
}

// Appends the sum, byte by byte, of `diff` and the old file from `position` on; outside of it the old file counts as zero.
void append_sum(NewObject& object, OldFile& old, std::string_view diff, int64_t position) {
  std::string sum;
  while (!diff.empty()) {
    uint64_t length = diff.size();
    sum.clear();
    if (position < 0) {
      length = std::min<uint64_t>(length, static_cast<uint64_t>(-(position + 1)) + 1);
      object.append(diff.substr(0, static_cast<size_t>(length)));
    } else if (static_cast<uint64_t>(position) >= old.size()) {
      object.append(diff);
    } else {
      const std::string_view data = old.at(static_cast<uint64_t>(position), length);
      length = data.size();
      sum.resize(data.size());
      for (size_t i = 0; i < data.size(); i++) sum[i] = static_cast<char>(static_cast<uint8_t>(diff[i]) + static_cast<uint8_t>(data[i]));
      object.append(sum);
    }
    diff.remove_prefix(static_cast<size_t>(length));
    if (!diff.empty()) position += static_cast<int64_t>(length);
  }
}

void PartRun::patch() {
  require_open();
  const uint64_t offset = number();
  std::string_view patch = slice(offset, number());
  if (!source_name_) invalid("no read source is set");
  if (!object_) return;
  if (!object_->untouched()) invalid("a patch makes a whole object");
  OldFile& old = source();
  constexpr size_t control = 24;
  int64_t position = 0;
  while (object_->left() > 0) {
    bulk_.check();
    if (patch.size() < control) invalid("the patch ends early");
    const int64_t diff = signed_magnitude(patch.substr(0));
    const int64_t extra = signed_magnitude(patch.substr(8));
    const int64_t seek = signed_magnitude(patch.substr(16));
    patch.remove_prefix(control);
    if (diff < 0 || extra < 0) invalid("negative length in a patch");
    if (static_cast<uint64_t>(diff) > patch.size() || static_cast<uint64_t>(extra) > patch.size() - static_cast<uint64_t>(diff)) invalid("the patch ends early");
    append_sum(*object_, old, patch.substr(0, static_cast<size_t>(diff)), position);
    patch.remove_prefix(static_cast<size_t>(diff));
    object_->append(patch.substr(0, static_cast<size_t>(extra)));
    patch.remove_prefix(static_cast<size_t>(extra));
    if (__builtin_add_overflow(position, diff, &position) || __builtin_add_overflow(position, seek, &position)) invalid("impossible position in a patch");
  }
}

void PartRun::close() {
  require_open();
  if (object_) {
    totals_.bytes += object_->size();
    bulk_.bytes += object_->size();
    (object_->finish() ? totals_.written : totals_.present)++;
  } else {
    totals_.present++;
  }
  object_.reset();
  open_ = false;
  source_name_.reset();
  source_.reset();
  advance();
}

// The part's bytes behind the first, which tells how they are compressed.
std::string decompress(Input& input, uint64_t limit, Bulk& bulk, Worker& worker) {
  uint8_t compression;
  input.seek(0);
  if (input.read(&compression, 1) == 0) invalid("the part is empty");
  const Source source = [&]() -> std::string_view {
    const size_t got = input.read(worker.buffer.data(), worker.buffer.size());
    return {reinterpret_cast<const char*>(worker.buffer.data()), got};
  };
  if (compression == 'x') return unxz(source, limit, xz_memory_limit, bulk);
  if (compression != 0) invalid("unknown compression " + std::to_string(compression));
  std::string content;
  for (std::string_view data; !(data = source()).empty();) {
    bulk.check();
    if (data.size() > limit - content.size()) throw DataError("LimitExceeded", "the part is larger than the limit of " + std::to_string(limit) + " bytes");
    content += data;
  }
  return content;
}

// Before anything is decompressed: what the superblock does not vouch for is not even looked at.
void require_part_checksum(Input& input, const Digest& wanted, Bulk& bulk, Worker& worker) {
  worker.sha.restart();
  for (size_t got; (got = input.read(worker.buffer.data(), worker.buffer.size())) > 0;) {
    bulk.check();
    worker.sha.update(worker.buffer.data(), got);
  }
  const Digest actual = worker.sha.finish();
  if (actual == wanted) return;
  throw DataError("CorruptObject", "the part has the checksum " + to_hex(actual) + " instead of " + to_hex(wanted), {{"checksum", to_hex(wanted)}, {"actual", to_hex(actual)}});
}

Totals apply(PartRequest& request, Input& input, Bulk& bulk) {
  std::string content;
  {
    Worker worker;
    if (request.checksum) require_part_checksum(input, *request.checksum, bulk, worker);
    content = decompress(input, request.max_payload, bulk, worker);
  }
  const DeltaPayload payload = decode_delta_payload(content);
  return PartRun(request, payload, bulk).run();
}

Napi::Value apply_delta_part(const Info& info) {
  Request request(info);
  auto part = std::make_shared<PartRequest>();
  part->objects = request.fd("objects");
  part->parent_objects = request.fd("parentObjects");
  part->staging = request.fd("staging");
  part->mode = parse_mode(info.Env(), request.text("mode"));
  part->parent_mode = parse_mode(info.Env(), request.text("parentMode"));
  if (part->mode == Mode::archive) throw Napi::TypeError::New(info.Env(), "an archive repo takes no static deltas");
  part->records = request.bytes("records");
  if (part->records.size() % record_size != 0) throw Napi::TypeError::New(info.Env(), "records have 33 bytes each");
  part->max_content = static_cast<uint64_t>(request.number("maxContentBytes"));
  part->max_payload = static_cast<uint64_t>(request.number("maxPayloadBytes"));
  if (request.has("checksum")) {
    const std::string checksum = request.bytes("checksum");
    if (checksum.size() != sizeof(Digest)) throw Napi::TypeError::New(info.Env(), "a checksum has 32 bytes");
    part->checksum.emplace();
    memcpy(part->checksum->data(), checksum.data(), checksum.size());
  }
  auto held = std::make_shared<Fd>();
  std::shared_ptr<Input> input;
  if (request.has("data")) {
    const std::vector<Bytes> data = request.buffers("data");
    if (data.size() != 1) throw Napi::TypeError::New(info.Env(), "one part at a time");
    input = std::make_shared<Input>(data.front());
  } else {
    *held = request.fd("fd");
    input = std::make_shared<Input>(held->get());
  }
  auto totals = std::make_shared<Totals>();
  const auto work = [=](Bulk& bulk) {
    *totals = apply(*part, *input, bulk);
    held->reset();
  };
  return start_bulk(info.Env(), request, work, [totals](Napi::Env env) -> Napi::Value {
    return number_record(env, {{"written", totals->written}, {"present", totals->present}, {"bytes", totals->bytes}});
  });
}

}  // namespace

void export_apply_delta(Napi::Env env, Napi::Object exports) {
  exports.Set("applyDeltaPart", Napi::Function::New(env, apply_delta_part, "applyDeltaPart"));
}

}  // namespace native
