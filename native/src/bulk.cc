#include "bulk.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace native {
namespace {

// More threads than this gain nothing: the work is bound by the file system's own locks.
constexpr unsigned max_threads = 4;

unsigned thread_count(unsigned wanted) {
  if (wanted > 0) return std::min(wanted, 64u);
  return std::clamp(std::thread::hardware_concurrency(), 1u, max_threads);
}

}  // namespace

Bulk::Bulk(unsigned threads) : threads_(thread_count(threads)) {}

void Bulk::failed(std::exception_ptr error) {
  try {
    std::rethrow_exception(error);
  } catch (const Stopped&) {
    return;  // an effect of the first failure or of the abort, not a cause
  } catch (...) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!failure_) failure_ = error;
    stopping_ = true;
  }
}

void Bulk::rethrow_failure() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
}

void on_all_threads(Bulk& bulk, const std::function<void()>& work) {
  std::atomic<bool> stopped{false};
  const auto guarded = [&] {
    try {
      work();
    } catch (const Stopped&) {
      stopped = true;
    } catch (...) {
      bulk.failed(std::current_exception());
    }
  };
  std::vector<std::thread> helpers;
  for (unsigned i = 1; i < bulk.threads(); i++) {
    try {
      helpers.emplace_back(guarded);
    } catch (const std::system_error&) {
      break;  // fewer threads do the same work
    }
  }
  guarded();
  for (std::thread& helper : helpers) helper.join();
  bulk.rethrow_failure();
  if (stopped) throw Stopped();
}

Request::Request(const Napi::CallbackInfo& info) {
  if (!info[0].IsObject()) throw Napi::TypeError::New(info.Env(), "a bulk call takes one object");
  object_ = info[0].As<Napi::Object>();
  threads_ = info[1].IsNumber() ? info[1].As<Napi::Number>().Uint32Value() : 0;
}

Napi::Value Request::at(const char* name) const { return object_.Get(name); }
bool Request::has(const char* name) const { return object_.Has(name); }
int64_t Request::number(const char* name) const {
  const Napi::Value value = at(name);
  if (!value.IsNumber()) throw Napi::TypeError::New(object_.Env(), std::string(name) + " is not a number");
  return value.As<Napi::Number>().Int64Value();
}
bool Request::flag(const char* name) const { return at(name).ToBoolean(); }
std::string Request::text(const char* name) const { return text_of(object_.Env(), at(name), name); }

Fd Request::fd(const char* name) const {
  const int fd = static_cast<int>(number(name));
  if (fd < 0) return Fd();
  Fd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!copy) throw system_error(object_.Env(), SystemError(errno, "fcntl", name));
  return copy;
}

std::string Request::bytes(const char* name) const {
  const Bytes view = bytes_of(object_.Env(), at(name));
  return std::string(reinterpret_cast<const char*>(view.data), view.size);
}

std::vector<std::string> Request::texts(const char* name) const {
  if (!at(name).IsArray()) throw Napi::TypeError::New(object_.Env(), std::string(name) + " is not an array");
  const Napi::Array array = at(name).As<Napi::Array>();
  std::vector<std::string> result;
  result.reserve(array.Length());
  for (uint32_t i = 0; i < array.Length(); i++) {
    Napi::HandleScope scope(object_.Env());
    result.push_back(text_of(object_.Env(), array.Get(i), name));
  }
  return result;
}

std::vector<int> Request::numbers(const char* name) const {
  const Napi::Array array = at(name).As<Napi::Array>();
  std::vector<int> result;
  for (uint32_t i = 0; i < array.Length(); i++) result.push_back(array.Get(i).As<Napi::Number>().Int32Value());
  return result;
}

std::vector<Bytes> Request::buffers(const char* name) {
  const Napi::Array array = at(name).As<Napi::Array>();
  // A copy of the list keeps the buffers even if the caller changes its own.
  Napi::Array copy = Napi::Array::New(object_.Env(), array.Length());
  std::vector<Bytes> result;
  for (uint32_t i = 0; i < array.Length(); i++) {
    Napi::HandleScope scope(object_.Env());
    const Napi::Value value = array.Get(i);
    copy.Set(i, value);
    result.push_back(bytes_of(object_.Env(), value));
  }
  kept_ = Napi::Persistent(copy.As<Napi::Object>());
  return result;
}

namespace {

Napi::Error to_error(Napi::Env env, const std::exception_ptr& failure) {
  const auto with_kind = [&](const std::string& message, const char* kind) {
    Napi::Error error = Napi::Error::New(env, message);
    error.Set("kind", Napi::String::New(env, kind));
    return error;
  };
  try {
    std::rethrow_exception(failure);
  } catch (const SystemError& error) {
    return system_error(env, error);
  } catch (const DataError& error) {
    Napi::Error result = with_kind(escaped(error.message), error.code);
    Napi::Object facts = Napi::Object::New(env);
    for (const auto& [name, value] : error.facts) facts.Set(name, Napi::String::New(env, escaped(value)));
    result.Set("facts", facts);
    return result;
  } catch (const Stopped&) {
    return with_kind("stopped", "Cancelled");
  } catch (const std::bad_alloc&) {
    return with_kind("out of memory", "LimitExceeded");
  } catch (const std::exception& error) {
    return with_kind(error.what(), "Failed");
  }
}

// One bulk call from its start until its promise is settled.
struct Call {
  Call(Napi::Env env, Request& request, Work work, Answer answer)
      : bulk(request.threads()),
        work(std::move(work)),
        answer(std::move(answer)),
        kept(request.take_kept()),
        deferred(Napi::Promise::Deferred::New(env)) {}
  Bulk bulk;
  Work work;
  Answer answer;
  Napi::ObjectReference kept;
  Napi::Promise::Deferred deferred;
  std::exception_ptr failure;
  std::thread thread;
};

using Shared = std::shared_ptr<Call>;

// At the end of the environment (process.exit, a worker's end) no thread of ours may outlive it.
void stop_and_join(void* data) {
  Call* call = static_cast<Shared*>(data)->get();
  call->bulk.abort();
  if (call->thread.joinable()) call->thread.join();
}

void settle(Napi::Env env, Shared* held) {
  Shared call = *held;
  napi_remove_env_cleanup_hook(env, stop_and_join, held);
  delete held;
  if (call->thread.joinable()) call->thread.join();
  Napi::HandleScope scope(env);
  call->work = nullptr;
  call->kept.Reset();
  try {
    if (call->failure) {
      call->deferred.Reject(to_error(env, call->failure).Value());
    } else {
      call->deferred.Resolve(call->answer(env));
    }
  } catch (const Napi::Error& error) {
    // An answer too large for a buffer: whoever waits must be told.
    call->deferred.Reject(error.Value());
  }
  call->answer = nullptr;
}

void run(Call& call) {
  try {
    call.work(call.bulk);
  } catch (...) {
    call.failure = std::current_exception();
  }
}

}  // namespace

Napi::Value start_bulk(Napi::Env env, Request& request, Work work, Answer answer) {
  auto call = std::make_shared<Call>(env, request, std::move(work), std::move(answer));
  auto done = Napi::ThreadSafeFunction::New(env, Napi::Function(), "atomic bulk call", 0, 1);
  auto* held = new Shared(call);
  napi_add_env_cleanup_hook(env, stop_and_join, held);
  try {
    call->thread = std::thread([call = call.get(), held, done]() mutable {
      run(*call);
      done.BlockingCall(held, [](Napi::Env env, Napi::Function, Shared* held) { settle(env, held); });
      done.Release();
    });
  } catch (const std::system_error&) {
    // The user or the machine has no thread left; an exception of another kind would end the process.
    napi_remove_env_cleanup_hook(env, stop_and_join, held);
    delete held;
    done.Release();
    throw Napi::Error::New(env, "no thread could be started");
  }
  Napi::Object handle = Napi::Object::New(env);
  handle.Set("promise", call->deferred.Promise());
  handle.Set("abort", Napi::Function::New(env, [call](const Napi::CallbackInfo&) { call->bulk.abort(); }));
  handle.Set("progress", Napi::Function::New(env, [call](const Napi::CallbackInfo& info) -> Napi::Value {
    Napi::Array pair = Napi::Array::New(info.Env(), 2);
    pair[0u] = Napi::Number::New(info.Env(), static_cast<double>(call->bulk.items.load()));
    pair[1u] = Napi::Number::New(info.Env(), static_cast<double>(call->bulk.bytes.load()));
    return pair;
  }));
  return handle;
}

Napi::Value number_record(Napi::Env env, const std::vector<std::pair<const char*, uint64_t>>& numbers) {
  Napi::Object record = Napi::Object::New(env);
  for (const auto& [name, value] : numbers) record.Set(name, Napi::Number::New(env, static_cast<double>(value)));
  return record;
}

}  // namespace native
