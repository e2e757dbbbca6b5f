// ingestTree: a directory tree becomes file objects and a listing from which dirtrees are made.
//
// Whole directories are the units of work, large ones split into batches of files. A file is hashed first and written only
// if its object is new; new objects go under their final names into a part of the staging that is merged at the end, or
// removed as a whole if anything fails.
#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <deque>
#include <memory>
#include <unordered_map>
#include <unordered_set>

#include "objects.hpp"

namespace native {
namespace {

using Info = Napi::CallbackInfo;

// Files of one directory that are handed out together.
constexpr size_t files_per_task = 256;
// Deeper than any tree a kernel resolves in one path; stops a tree that is being grown while it is read.
constexpr size_t max_depth = 2048;

// New permission bits: instead of those of the file, or besides them.
struct ModeChange {
  bool set;
  uint32_t bits;
};

struct Options {
  Mode mode;
  int zlib_level;
  bool canonical;
  bool skip_xattrs;
  int64_t uid;
  int64_t gid;
  uint64_t max_new_bytes;
  std::unordered_set<std::string> skip;
  std::unordered_map<std::string, ModeChange> modes;
};

struct Node {
  struct File {
    std::string name;
    Digest checksum;
    unsigned char type;
  };
  std::string path;
  size_t depth = 0;
  uint32_t index = 0;
  Meta meta;
  std::vector<File> files;
  std::vector<std::pair<std::string, Node*>> directories;
};

struct Task {
  Node* node = nullptr;
  std::shared_ptr<Fd> fd;  // empty: the directory is still to be read
  size_t begin = 0;
  size_t end = 0;
};

struct Totals {
  std::atomic<uint64_t> files{0}, symlinks{0}, directories{0}, bytes{0}, new_objects{0}, new_bytes{0};
};

const char* type_name(unsigned char type) {
  switch (type) {
    case DT_CHR: return "character device";
    case DT_BLK: return "block device";
    case DT_FIFO: return "fifo";
    case DT_SOCK: return "socket";
    default: return "unknown type of file";
  }
}

// The part of the staging that one ingest writes into.
class Part {
 public:
  explicit Part(int staging) : staging_(staging), name_(unique_name(".part-")) {}
  ObjectDirectory& directory() {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!directory_) {
      if (kernel::mkdirat(staging_, name_.c_str(), 0700) < 0) fail("mkdirat", name_);
      fd_ = open_directory_below(staging_, name_);
      directory_ = std::make_unique<ObjectDirectory>(fd_.get(), true);
    }
    return *directory_;
  }

  // Moves everything into the staging: whole XX directories where it has none.
  void merge(Bulk& bulk) {
    if (!directory_) return;
    const std::vector<std::string> prefixes = directory_->prefixes();
    parallel_for(bulk, prefixes.size(), 4, [&] {
      return [&](size_t index) {
        const std::string& prefix = prefixes[index];
        if (kernel::renameat2(fd_.get(), prefix.c_str(), staging_, prefix.c_str(), RENAME_NOREPLACE) == 0) return;
        if (errno != EEXIST && errno != EINVAL) fail("renameat2", prefix);
        merge_prefix(prefix);
      };
    });
    if (kernel::unlinkat(staging_, name_.c_str(), AT_REMOVEDIR) < 0) fail("unlinkat", name_);
  }

  void remove() {
    if (directory_) remove_tree(staging_, name_);
  }

 private:
  void merge_prefix(const std::string& prefix) {
    if (kernel::mkdirat(staging_, prefix.c_str(), 0777) < 0 && errno != EEXIST) fail("mkdirat", prefix);
    const Fd from = open_directory_below(fd_.get(), prefix);
    const Fd to = open_directory_below(staging_, prefix);
    for (const Entry& entry : list_directory(from.get(), prefix)) {
      const char* name = entry.name.c_str();
      if (kernel::renameat2(from.get(), name, to.get(), name, RENAME_NOREPLACE) == 0) continue;
      // Not every file system can refuse to replace in a rename; a link always does.
      if (errno == EINVAL && kernel::linkat(from.get(), name, to.get(), name, 0) < 0 && errno != EEXIST) fail("linkat", join(prefix, entry.name));
      if (errno != EEXIST && errno != EINVAL) fail("renameat2", join(prefix, entry.name));
      if (kernel::unlinkat(from.get(), name, 0) < 0) fail("unlinkat", join(prefix, entry.name));
    }
    if (kernel::unlinkat(fd_.get(), prefix.c_str(), AT_REMOVEDIR) < 0) fail("unlinkat", prefix);
  }

  int staging_;
  std::string name_;
  std::mutex mutex_;
  Fd fd_;
  std::unique_ptr<ObjectDirectory> directory_;
};

class Ingest {
 public:
  Ingest(Fd source, Fd objects, Fd staging, Options options)
      : source_(std::move(source)), objects_(std::move(objects)), staging_(std::move(staging)), options_(options) {}

  void run(Bulk& bulk) {
    Part part(staging_.get());
    try {
      nodes_.emplace_back();
      queue_.push({&nodes_.back(), nullptr, 0, 0});
      queue_.drain(bulk, [&] {
        return [&, worker = std::make_shared<Worker>()](Task& task) {
          if (task.fd) {
            ingest_files(task, part, bulk, *worker);
          } else {
            read_directory(*task.node, bulk);
          }
        };
      });
      part.merge(bulk);
    } catch (...) {
      const auto failure = std::current_exception();
      try {
        part.remove();
      } catch (const SystemError&) {
        // The first failure is the one to tell; the staging is removed with its parts anyway.
      }
      std::rethrow_exception(failure);
    }
  }

  std::string listing();

 private:
  void read_directory(Node& node, Bulk& bulk);
  void ingest_files(const Task& task, Part& part, Bulk& bulk, Worker& worker);
  Digest ingest_regular(const Task& task, const Node::File& file, Part& part, Bulk& bulk, Worker& worker);
  Digest ingest_symlink(const Task& task, const Node::File& file, Part& part, Worker& worker);
  void adjust(Meta& meta, const std::string& path) const;
  // Before a byte of it is written; content that another thread writes at the same moment counts twice.
  void claim(uint64_t size, const std::string& path) {
    if (claimed_.fetch_add(size) + size <= options_.max_new_bytes) return;
    throw DataError("NoSpace", "no room for " + path, {{"path", path}});
  }
  void count_new(bool written, uint64_t size) {
    if (!written) return;
    totals_.new_objects++;
    totals_.new_bytes += size;
  }

  Fd source_, objects_, staging_;
  Options options_;
  WorkQueue<Task> queue_;
  std::mutex nodes_mutex_;
  std::deque<Node> nodes_;
  Totals totals_;
  std::atomic<uint64_t> claimed_{0};
};

void Ingest::adjust(Meta& meta, const std::string& path) const {
  if (options_.uid >= 0) meta.uid = static_cast<uint32_t>(options_.uid);
  if (options_.gid >= 0) meta.gid = static_cast<uint32_t>(options_.gid);
  if (const auto change = options_.modes.find(path); change != options_.modes.end()) {
    const auto [set, bits] = change->second;
    meta.mode = (set ? meta.mode & S_IFMT : meta.mode) | bits;
  }
  if (!options_.canonical) return;
  meta.uid = meta.gid = 0;
  meta.xattrs.clear();
  if (!S_ISLNK(meta.mode)) meta.mode &= S_IFMT | 0755;
}

void Ingest::read_directory(Node& node, Bulk& bulk) {
  bulk.check();
  auto fd = std::make_shared<Fd>(open_directory_below(source_.get(), node.path));
  const struct stat st = stat_fd(fd->get(), node.path);
  node.meta.uid = st.st_uid;
  node.meta.gid = st.st_gid;
  node.meta.mode = st.st_mode;
  if (!options_.skip_xattrs) node.meta.xattrs = without_empty(read_xattrs(fd->get(), node.path));
  adjust(node.meta, node.path);
  totals_.directories++;
  bulk.items++;
  for (Entry& entry : list_directory(fd->get(), node.path)) {
    const std::string path = join(node.path, entry.name);
    if (options_.skip.count(path) > 0) continue;
    if (!is_utf8(entry.name)) throw DataError("InvalidFormat", "the name of " + escaped(path) + " is not UTF-8", {{"path", path}});
    if (entry.type == DT_DIR) {
      if (node.depth >= max_depth) throw DataError("LimitExceeded", path + " is too deep", {{"path", path}});
      std::lock_guard<std::mutex> lock(nodes_mutex_);
      Node& child = nodes_.emplace_back();
      child.path = path;
      child.depth = node.depth + 1;
      node.directories.emplace_back(std::move(entry.name), &child);
    } else if (entry.type == DT_REG || entry.type == DT_LNK) {
      node.files.push_back({std::move(entry.name), {}, entry.type});
    } else {
      throw DataError("InvalidFormat", path + " is a " + type_name(entry.type) + ", which a commit cannot hold", {{"path", path}});
    }
  }
  for (const auto& [name, child] : node.directories) queue_.push({child, nullptr, 0, 0});
  for (size_t begin = 0; begin < node.files.size(); begin += files_per_task) {
    queue_.push({&node, fd, begin, std::min(begin + files_per_task, node.files.size())});
  }
}

void Ingest::ingest_files(const Task& task, Part& part, Bulk& bulk, Worker& worker) {
  for (size_t i = task.begin; i < task.end; i++) {
    bulk.check();
    Node::File& file = task.node->files[i];
    file.checksum = file.type == DT_LNK ? ingest_symlink(task, file, part, worker) : ingest_regular(task, file, part, bulk, worker);
    bulk.items++;
  }
}

Digest Ingest::ingest_symlink(const Task& task, const Node::File& file, Part& part, Worker& worker) {
  const std::string path = join(task.node->path, file.name);
  struct stat st;
  if (::fstatat(task.fd->get(), file.name.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0) fail("fstatat", path);
  Meta meta{st.st_uid, st.st_gid, st.st_mode, read_link(task.fd->get(), file.name, path), {}};
  if (!is_utf8(meta.target)) throw DataError("InvalidFormat", "the target of " + path + " is not UTF-8", {{"path", path}});
  if (!options_.skip_xattrs && !options_.canonical) meta.xattrs = without_empty(read_xattrs_at(task.fd->get(), file.name, path));
  adjust(meta, path);
  worker.sha.restart();
  worker.sha.update(encode_file_header(meta));
  const Digest checksum = worker.sha.finish();
  totals_.symlinks++;
  if (KnownObjects(objects_.get(), staging_.get()).has(object_name(checksum, file_suffix(options_.mode)))) return checksum;
  count_new(ObjectWriter(part.directory(), options_.mode, options_.zlib_level).write(checksum, meta, nullptr, 0), 0);
  return checksum;
}

Digest Ingest::ingest_regular(const Task& task, const Node::File& file, Part& part, Bulk& bulk, Worker& worker) {
  const std::string path = join(task.node->path, file.name);
  const Fd fd = open_file(task.fd->get(), file.name, path);
  const struct stat st = stat_fd(fd.get(), path);
  if (!S_ISREG(st.st_mode)) throw DataError("Io", path + " changed its type while it was read", {{"path", path}});
  Meta meta{st.st_uid, st.st_gid, st.st_mode, "", {}};
  if (!options_.skip_xattrs && !options_.canonical) meta.xattrs = without_empty(read_xattrs(fd.get(), path));
  adjust(meta, path);
  const ssize_t got = kernel::read_full(fd.get(), worker.buffer.data(), worker.buffer.size());
  if (got < 0) fail("read", path);
  const auto size = static_cast<size_t>(got);
  const bool whole = size < worker.buffer.size();
  const std::string header = encode_file_header(meta);
  Digest checksum;
  if (whole) {
    worker.sha.restart();
    worker.sha.update(header);
    worker.sha.update(worker.buffer.data(), size);
    checksum = worker.sha.finish();
    bulk.bytes += size;
  } else {
    if (::lseek(fd.get(), 0, SEEK_SET) < 0) fail("lseek", path);
    checksum = hash_rest(fd.get(), header, bulk, worker, path);
  }
  const uint64_t bytes = whole ? size : static_cast<uint64_t>(st.st_size);
  totals_.files++;
  totals_.bytes += bytes;
  if (KnownObjects(objects_.get(), staging_.get()).has(object_name(checksum, file_suffix(options_.mode)))) return checksum;
  claim(bytes, path);
  ObjectWriter writer(part.directory(), options_.mode, options_.zlib_level);
  count_new(whole ? writer.write(checksum, meta, worker.buffer.data(), size) : writer.write_stream(checksum, meta, fd.get(), bulk, worker, path), bytes);
  return checksum;
}

// ---- the listing: see decodeTreeListing ----

void put(std::string& out, uint64_t value, size_t width) {
  for (size_t i = 0; i < width; i++) out += static_cast<char>(value >> (8 * i));
}

void put_text(std::string& out, const std::string& text) {
  put(out, text.size(), 4);
  out += text;
}

std::string Ingest::listing() {
  // Breadth first: parents before children, siblings in byte order.
  std::vector<Node*> order{&nodes_.front()};
  for (size_t i = 0; i < order.size(); i++) {
    order[i]->index = static_cast<uint32_t>(i);
    for (const auto& [name, child] : order[i]->directories) order.push_back(child);
  }
  std::string out;
  put(out, order.size(), 4);
  const Totals& t = totals_;
  for (const auto* total : {&t.files, &t.symlinks, &t.directories, &t.bytes, &t.new_objects, &t.new_bytes}) put(out, total->load(), 8);
  for (const Node* node : order) {
    put(out, node->meta.uid, 4);
    put(out, node->meta.gid, 4);
    put(out, node->meta.mode, 4);
    put(out, node->meta.xattrs.size(), 4);
    for (const Xattr& xattr : node->meta.xattrs) {
      put_text(out, xattr.name);
      put_text(out, xattr.value);
    }
    put(out, node->files.size(), 4);
    for (const Node::File& file : node->files) {
      put_text(out, file.name);
      out.append(reinterpret_cast<const char*>(file.checksum.data()), file.checksum.size());
    }
    put(out, node->directories.size(), 4);
    for (const auto& [name, child] : node->directories) {
      put_text(out, name);
      put(out, child->index, 4);
    }
  }
  return out;
}

Napi::Value ingest_tree(const Info& info) {
  Request request(info);
  Options options;
  options.mode = parse_mode(info.Env(), request.text("mode"));
  options.zlib_level = static_cast<int>(request.number("zlibLevel"));
  options.canonical = request.flag("canonicalPermissions");
  options.skip_xattrs = request.flag("skipXattrs");
  options.uid = request.number("uid");
  options.gid = request.number("gid");
  for (std::string& path : request.texts("skipPaths")) options.skip.insert(std::move(path));
  const std::vector<std::string> paths = request.texts("modePaths"), changes = request.texts("modeTexts");
  for (size_t i = 0; i < paths.size() && i < changes.size(); i++) {
    options.modes[paths[i]] = {changes[i][0] == '=', static_cast<uint32_t>(std::strtoul(changes[i].c_str() + 1, nullptr, 10)) & 07777};
  }
  options.max_new_bytes = static_cast<uint64_t>(request.number("maxNewBytes"));
  if (options.zlib_level < 1 || options.zlib_level > 9) throw Napi::TypeError::New(info.Env(), "zlibLevel is not 1 to 9");
  auto ingest = std::make_shared<Ingest>(request.fd("source"), request.fd("objects"), request.fd("staging"), options);
  auto listing = std::make_shared<std::string>();
  const auto work = [ingest, listing](Bulk& bulk) {
    ingest->run(bulk);
    *listing = ingest->listing();
  };
  return start_bulk(info.Env(), request, work, [listing](Napi::Env env) -> Napi::Value {
    return Napi::Buffer<char>::Copy(env, listing->data(), listing->size());
  });
}

}  // namespace

void export_ingest_tree(Napi::Env env, Napi::Object exports) {
  exports.Set("ingestTree", Napi::Function::New(env, ingest_tree, "ingestTree"));
}

}  // namespace native
