{
  "targets": [
    {
      "target_name": "atomic",
      "sources": ["src/addon.cc", "src/kernel.cc", "src/thin.cc", "src/thin_attributes.cc", "src/freeze.cc"],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=9", "NODE_ADDON_API_CPP_EXCEPTIONS", "_GNU_SOURCE", "_FILE_OFFSET_BITS=64"],
      "cflags!": ["-fno-exceptions"],
      "cflags_cc!": ["-fno-exceptions", "-std=gnu++17", "-std=gnu++20", "-fno-rtti"],
      "cflags": ["-O2", "-Wall", "-Wextra", "-Wno-unused-parameter", "-fvisibility=hidden", "-fstack-protector-strong"],
      "cflags_cc": ["-std=c++20", "-fexceptions"]
    }
  ]
}
