// Bulk work: one call from JavaScript, many files, on threads of our own.
//
// A call answers at once with { promise, abort(), progress() }. The work runs on its own thread, which may start workers;
// the first failure stops all of them, and the promise settles only after every thread has ended.
#pragma once

#include <napi.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "arguments.hpp"
#include "kernel.hpp"

namespace native {

// Data that cannot be accepted. `code` is one of the error codes of the product.
struct DataError : std::exception {
  const char* code;
  std::string message;
  std::map<std::string, std::string> facts;
  DataError(const char* code, std::string message, std::map<std::string, std::string> facts = {})
      : code(code), message(std::move(message)), facts(std::move(facts)) {}
  const char* what() const noexcept override { return message.c_str(); }
};

// Thrown by Bulk::check in workers that shall stop because of an abort or of another worker's failure.
struct Stopped : std::exception {};

// What the workers of one call share: progress, the wish to stop, the first failure.
class Bulk {
 public:
  explicit Bulk(unsigned threads);
  std::atomic<uint64_t> items{0};
  std::atomic<uint64_t> bytes{0};
  unsigned threads() const { return threads_; }
  // To be called between any two steps that together could take more than a few milliseconds.
  void check() const {
    if (stopping_.load(std::memory_order_relaxed)) throw Stopped();
  }
  bool stopping() const { return stopping_.load(std::memory_order_relaxed); }
  void abort() { stopping_ = true; }
  // Keeps the first failure and stops the others.
  void failed(std::exception_ptr error);
  void rethrow_failure();

 private:
  unsigned threads_;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::exception_ptr failure_;
};

// Runs `work` on every thread of the call, this one included; throws the first failure after all have ended.
void on_all_threads(Bulk& bulk, const std::function<void()>& work);

// Calls `each(index)` for 0 … count-1, handing out `batch` indices at a time; each thread makes its own `each`.
template <typename MakeEach>
void parallel_for(Bulk& bulk, size_t count, size_t batch, MakeEach make_each) {
  std::atomic<size_t> next{0};
  on_all_threads(bulk, [&] {
    auto each = make_each();
    for (;;) {
      const size_t begin = next.fetch_add(batch);
      if (begin >= count) return;
      for (size_t index = begin; index < std::min(begin + batch, count); index++) {
        bulk.check();
        each(index);
      }
    }
  });
}

// Tasks that make more tasks. Last in, first out, so that a tree is walked depth first and few directories are open.
template <typename Task>
class WorkQueue {
 public:
  void push(Task task) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      tasks_.push_back(std::move(task));
    }
    changed_.notify_one();
  }

  // Runs until no task is left and none is being run; each thread makes its own `run`.
  template <typename MakeRun>
  void drain(Bulk& bulk, MakeRun make_run) {
    on_all_threads(bulk, [&] {
      auto run = make_run();
      try {
        Task task;
        while (take(bulk, task)) {
          run(task);
          task = Task();
          finished();
        }
      } catch (...) {
        bulk.failed(std::current_exception());
        finished();
        changed_.notify_all();
        throw;
      }
    });
  }

 private:
  bool take(Bulk& bulk, Task& task) {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      if (bulk.stopping()) throw_stopped();
      if (!tasks_.empty()) break;
      if (running_ == 0) return false;
      // An abort does not notify: it comes from a thread that must not wait for our lock.
      changed_.wait_for(lock, std::chrono::milliseconds(50));
    }
    task = std::move(tasks_.back());
    tasks_.pop_back();
    running_++;
    return true;
  }
  [[noreturn]] void throw_stopped() {
    running_++;  // evened out by finished()
    throw Stopped();
  }
  void finished() {
    std::lock_guard<std::mutex> lock(mutex_);
    running_--;
    if (running_ == 0 && tasks_.empty()) changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Task> tasks_;
  size_t running_ = 0;
};

// The arguments of a bulk call: one object of named values.
class Request {
 public:
  explicit Request(const Napi::CallbackInfo& info);
  // A duplicate of the descriptor, so that the caller may close its own while the work runs. -1 gives an empty one.
  Fd fd(const char* name) const;
  int64_t number(const char* name) const;
  bool flag(const char* name) const;
  std::string text(const char* name) const;
  std::string bytes(const char* name) const;
  std::vector<std::string> texts(const char* name) const;
  std::vector<int> numbers(const char* name) const;
  bool has(const char* name) const;
  // Views of the buffers, which stay alive and in place until the call has settled.
  std::vector<Bytes> buffers(const char* name);

  unsigned threads() const { return threads_; }
  Napi::ObjectReference take_kept() { return std::move(kept_); }

 private:
  Napi::Value at(const char* name) const;
  Napi::Object object_;
  Napi::ObjectReference kept_;
  unsigned threads_ = 0;
};

using Work = std::function<void(Bulk&)>;
using Answer = std::function<Napi::Value(Napi::Env)>;

// Starts `work` on a thread; `answer` is called on the JavaScript thread after it succeeded.
Napi::Value start_bulk(Napi::Env env, Request& request, Work work, Answer answer);

// Tells `numbers` as a plain object.
Napi::Value number_record(Napi::Env env, const std::vector<std::pair<const char*, uint64_t>>& numbers);

void export_hashing(Napi::Env env, Napi::Object exports);
void export_ingest_tree(Napi::Env env, Napi::Object exports);
void export_ingest_filez(Napi::Env env, Napi::Object exports);
void export_checkout(Napi::Env env, Napi::Object exports);
void export_import(Napi::Env env, Napi::Object exports);
void export_publish(Napi::Env env, Napi::Object exports);
void export_remove(Napi::Env env, Napi::Object exports);
void export_copy_tree(Napi::Env env, Napi::Object exports);
void export_durable(Napi::Env env, Napi::Object exports);
void export_xz(Napi::Env env, Napi::Object exports);
void export_apply_delta(Napi::Env env, Napi::Object exports);

}  // namespace native
