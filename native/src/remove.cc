// unlinkMany and removeTrees: getting rid of many files and of whole trees.
#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <memory>

#include "branches.hpp"
#include "files.hpp"

namespace native {
namespace {

using Info = Napi::CallbackInfo;

void require_relative(Napi::Env env, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (!is_plain_relative(name)) throw Napi::TypeError::New(env, "not a path below a directory: " + escaped(name));
  }
}

struct Totals {
  std::atomic<uint64_t> removed{0}, bytes{0};
};

void unlink_one(int dirfd, const std::string& name, Totals& totals) {
  struct stat st;
  if (::fstatat(dirfd, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0 || kernel::unlinkat(dirfd, name.c_str(), 0) < 0) {
    if (errno == ENOENT) return;
    fail("unlinkat", name);
  }
  totals.removed++;
  if (st.st_nlink <= 1) totals.bytes += static_cast<uint64_t>(st.st_size);
}

Napi::Value unlink_many(const Info& info) {
  Request request(info);
  auto dir = std::make_shared<Fd>(request.fd("dir"));
  auto names = std::make_shared<std::vector<std::string>>(request.texts("names"));
  require_relative(info.Env(), *names);
  auto totals = std::make_shared<Totals>();
  const auto work = [=](Bulk& bulk) {
    parallel_for(bulk, names->size(), 64, [&] {
      return [&](size_t index) {
        unlink_one(dir->get(), (*names)[index], *totals);
        bulk.items++;
      };
    });
  };
  return start_bulk(info.Env(), request, work, [totals](Napi::Env env) {
    return number_record(env, {{"removed", totals->removed}, {"bytes", totals->bytes}});
  });
}

struct Nothing {};
using Directory = Branch<Nothing>;
using Task = std::shared_ptr<Directory>;

// Deployments carry the immutable attribute on their top directory.
void clear_immutable(int fd, const std::string& path) {
  int flags = 0;
  if (::ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0 || (flags & FS_IMMUTABLE_FL) == 0) return;
  if (kernel::set_flags(fd, flags & ~FS_IMMUTABLE_FL) < 0) fail("ioctl", path);
}

class Removal {
 public:
  explicit Removal(Fd dir) : dir_(std::move(dir)) {}

  void run(const std::vector<std::string>& names, Bulk& bulk) {
    for (const std::string& name : names) begin(name, bulk);
    queue_.drain(bulk, [&] {
      return [&](Task& task) { empty(task, bulk); };
    });
  }
  std::atomic<uint64_t> removed{0};

 private:
  void begin(const std::string& name, Bulk& bulk) {
    const size_t slash = name.rfind('/');
    Fd parent;
    try {
      parent = open_directory_below(dir_.get(), slash == std::string::npos ? "" : name.substr(0, slash));
    } catch (const SystemError& error) {
      if (error.error == ENOENT || error.error == ENOTDIR) return;
      throw;
    }
    const std::string last = slash == std::string::npos ? name : name.substr(slash + 1);
    struct stat st;
    if (::fstatat(parent.get(), last.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0) {
      if (errno == ENOENT) return;
      fail("fstatat", name);
    }
    if (!S_ISDIR(st.st_mode)) {
      if (kernel::unlinkat(parent.get(), last.c_str(), 0) < 0 && errno != ENOENT) fail("unlinkat", name);
      removed++;
      bulk.items++;
      return;
    }
    auto top = std::make_shared<Directory>();
    top->fd = std::move(parent);
    // The name's directory is not ours to remove: its own share of `pending` is never settled.
    queue_.push(make_branch(std::move(top), last, Nothing()));
  }

  void empty(const Task& directory, Bulk& bulk) {
    bulk.check();
    enter_branch(*directory);
    directory->fd = Fd(kernel::openat(directory->parent->fd.get(), directory->name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    if (!directory->fd) fail("openat", directory->path);
    if (directory->depth == 1) clear_immutable(directory->fd.get(), directory->path);
    for (const Entry& entry : list_directory(directory->fd.get(), directory->path)) {
      bulk.check();
      if (entry.type == DT_DIR) {
        queue_.push(make_branch(directory, entry.name, Nothing()));
        continue;
      }
      if (kernel::unlinkat(directory->fd.get(), entry.name.c_str(), 0) < 0 && errno != ENOENT) fail("unlinkat", join(directory->path, entry.name));
      removed++;
      bulk.items++;
    }
    settle_branch(directory, [&](Directory& done) {
      if (kernel::unlinkat(done.parent->fd.get(), done.name.c_str(), AT_REMOVEDIR) < 0 && errno != ENOENT) fail("unlinkat", done.path);
      removed++;
      bulk.items++;
    });
  }

  Fd dir_;
  WorkQueue<Task> queue_;
};

Napi::Value remove_trees(const Info& info) {
  Request request(info);
  auto removal = std::make_shared<Removal>(request.fd("dir"));
  auto names = std::make_shared<std::vector<std::string>>(request.texts("names"));
  require_relative(info.Env(), *names);
  return start_bulk(info.Env(), request, [=](Bulk& bulk) { removal->run(*names, bulk); }, [removal](Napi::Env env) -> Napi::Value {
    return Napi::Number::New(env, static_cast<double>(removal->removed.load()));
  });
}

}  // namespace

void export_remove(Napi::Env env, Napi::Object exports) {
  exports.Set("unlinkMany", Napi::Function::New(env, unlink_many, "unlinkMany"));
  exports.Set("removeTrees", Napi::Function::New(env, remove_trees, "removeTrees"));
}

}  // namespace native
