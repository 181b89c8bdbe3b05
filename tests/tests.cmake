# How a test becomes a ctest entry. Included by the top CMakeLists.txt; names no test.
#
#   tests/LAYER/NOUN_test.c       a Criterion program               entry LAYER/NOUN
#   tests/samples/SAMPLE/NOUN_test.c   the same, with the parts of samples/SAMPLE/
#   tests/stress/NAME.c           a plain program                   entry stress/NAME
#   tests/fuzz/NAME.c             a libFuzzer program               entry fuzz/NAME, with NOH_FUZZ
#   tests/samples/NAME.expected   the output of a sample            entry samples/NAME
#   tests/samples/NAME.sh, .py    gets the folder of all programs   entry samples/NAME
#   tests/samples/SAMPLE/NAME.sh, .py  the same, if SAMPLE is built
#   tests/bench/...               the same as in a sample: NOUN_test.c with the parts of bench/load/,
#                                 NAME.sh and NAME.py with the folder of all programs
#   tests/support/*.c             linked into every Criterion and stress program

# A leak, a race or undefined behaviour in a child process does not reach the exit code of a
# Criterion program; the report does reach the output.
set(sanitizer_report
    "ERROR: (Address|Leak)Sanitizer|WARNING: ThreadSanitizer|runtime error:|definitely lost")
set(test_environment
    "CRITERION_JOBS=1"
    "UBSAN_OPTIONS=print_stacktrace=1"
    "TSAN_OPTIONS=second_deadlock_stack=1:atexit_sleep_ms=50")

function(set_test name timeout)
  if(NOH_LONG)
    set(timeout 1800)
  endif()
  set_tests_properties(${name} PROPERTIES
    TIMEOUT ${timeout}
    ENVIRONMENT "${test_environment}"
    FAIL_REGULAR_EXPRESSION "${sanitizer_report}"
    ${ARGN})
endfunction()

file(GLOB support_sources CONFIGURE_DEPENDS tests/support/*.c)
add_library(test-support INTERFACE)
target_link_libraries(test-support INTERFACE noh-inside m)
if(support_sources)
  add_library(test-support-objects OBJECT ${support_sources})
  target_include_directories(test-support-objects PRIVATE include .)
  target_compile_definitions(test-support-objects PRIVATE _GNU_SOURCE=)
  target_link_libraries(test-support-objects PRIVATE ck)
  target_link_libraries(test-support INTERFACE $<TARGET_OBJECTS:test-support-objects>)
endif()

# Criterion itself cannot run under the thread sanitizer: a stand-in takes its name there.
add_library(criterion INTERFACE)
if(NOH_SANITIZE STREQUAL "thread")
  target_include_directories(criterion BEFORE INTERFACE tests/support/tsan)
  add_library(criterion-stand-in STATIC tests/support/tsan/criterion/criterion.c)
  target_include_directories(criterion-stand-in PRIVATE tests/support/tsan)
  target_compile_definitions(criterion-stand-in PRIVATE _GNU_SOURCE=)
  target_link_libraries(criterion INTERFACE criterion-stand-in)
else()
  pkg_check_modules(CRITERION REQUIRED IMPORTED_TARGET criterion>=2.4)
  target_link_libraries(criterion INTERFACE PkgConfig::CRITERION)
endif()

# ---- behaviour -------------------------------------------------------------------------------

file(GLOB_RECURSE behaviour_tests CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}/tests
     tests/*_test.c)
set(test_seconds 30)
if(NOH_SANITIZE)
  set(test_seconds 120) # ten times slower, and beside other work
endif()
if(NOH_LONG)
  set(test_seconds 900)
endif()
foreach(file IN LISTS behaviour_tests)
  # One thread races with nobody: what stays on it the thread sanitizer need not see.
  if(NOH_SANITIZE STREQUAL "thread")
    file(STRINGS tests/${file} threads REGEX
         "noh_run\\(|noh_thread|pthread_|loopback|net/both\\.h|lookup_start")
    if(NOT threads)
      continue()
    endif()
  endif()
  if(file MATCHES "^bench/" AND NOT NOH_BENCH)
    continue()
  endif()

  string(REGEX REPLACE "_test\\.c$" "" name ${file})
  string(REPLACE "/" "-" target test-${name})
  cmake_path(GET file PARENT_PATH folder)
  cmake_path(GET folder FILENAME sample)

  add_executable(${target} tests/${file})
  target_link_libraries(${target} PRIVATE criterion test-support)
  if(NOH_SANITIZE) # the tests themselves need not be fast, and are more than what they test
    target_compile_options(${target} PRIVATE -O0)
  endif()
  if(folder MATCHES "^samples/" AND TARGET ${sample}-parts)
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:${sample}-parts>)
  endif()
  if(folder STREQUAL "bench" AND TARGET load-parts)
    target_link_libraries(${target} PRIVATE load-parts)
  endif()
  cmake_path(GET file STEM output)
  set_target_properties(${target} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/${folder}
    OUTPUT_NAME ${output})

  add_test(NAME ${name} COMMAND ${target} --timeout ${test_seconds})
  set_test(${name} 240)
  # No tests at all, as when a linker has dropped them, is a failure and not a success. (This
  # takes the place of the exit code, so it names the failures too. The stand-in's exit code
  # says both.)
  if(NOT NOH_SANITIZE STREQUAL "thread")
    set_tests_properties(${name} PROPERTIES
      PASS_REGULAR_EXPRESSION "Tested: [1-9][0-9]* .*Failing: 0 .*Crashing: 0")
  endif()

  # Those that explore schedules are run again with more seeds by `./dev check`.
  file(STRINGS tests/${file} seeds REGEX "NOH_SEEDS|(support/seeds|net/both)\\.h")
  if(seeds)
    set_tests_properties(${name} PROPERTIES LABELS seeds)
  endif()
endforeach()

# ---- threads: they wait as often as they work, and so may be several at a time -----------------

file(GLOB stress_tests CONFIGURE_DEPENDS tests/stress/*.c)
foreach(file IN LISTS stress_tests)
  cmake_path(GET file STEM name)
  add_executable(stress-${name} ${file})
  target_link_libraries(stress-${name} PRIVATE test-support)
  set_target_properties(stress-${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/stress OUTPUT_NAME ${name})
  add_test(NAME stress/${name} COMMAND stress-${name})
  set_test(stress/${name} 240 LABELS stress COST 10)
  # What falls behind has more waiting: memory can be compared only where a program keeps pace.
  file(STRINGS ${file} memory REGEX "resident_kilobytes")
  if(memory)
    set_tests_properties(stress/${name} PROPERTIES RUN_SERIAL ON)
  endif()
endforeach()

# ---- fuzzers: the entry is ten seconds; by hand, tests/fuzz/NAME CORPUS runs on ----------------

if(NOH_FUZZ)
  file(GLOB fuzzers CONFIGURE_DEPENDS tests/fuzz/*.c)
  add_custom_target(fuzzers)
  foreach(file IN LISTS fuzzers)
    cmake_path(GET file STEM name)
    add_executable(fuzz-${name} ${file})
    target_link_libraries(fuzz-${name} PRIVATE noh-inside broker-parts)
    target_link_options(fuzz-${name} PRIVATE -fsanitize=fuzzer)
    set_target_properties(fuzz-${name} PROPERTIES
      RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/fuzz OUTPUT_NAME ${name})
    add_dependencies(fuzzers fuzz-${name})
    add_test(NAME fuzz/${name} COMMAND fuzz-${name} -max_total_time=10 -max_len=4096)
    set_test(fuzz/${name} 60 LABELS fuzz)
  endforeach()
endif()

# ---- samples ---------------------------------------------------------------------------------

file(GLOB expected_outputs CONFIGURE_DEPENDS tests/samples/*.expected)
foreach(file IN LISTS expected_outputs)
  cmake_path(GET file STEM name)
  add_test(NAME samples/${name}
           COMMAND ${PROJECT_SOURCE_DIR}/tests/support/same_output.sh $<TARGET_FILE:${name}> ${file})
  set_test(samples/${name} 60)
endforeach()

file(GLOB sample_scripts CONFIGURE_DEPENDS tests/samples/*.sh tests/samples/*.py)
foreach(file IN LISTS sample_scripts)
  cmake_path(GET file STEM name)
  add_test(NAME samples/${name} COMMAND ${file} ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
  set_test(samples/${name} 120 COST 50)
endforeach()

file(GLOB sample_scripts CONFIGURE_DEPENDS tests/samples/*/*.sh tests/samples/*/*.py)
foreach(file IN LISTS sample_scripts)
  cmake_path(GET file STEM name)
  cmake_path(GET file PARENT_PATH folder)
  cmake_path(GET folder FILENAME sample)
  if(TARGET ${sample})
    add_test(NAME samples/${sample}/${name} COMMAND ${file} ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
    set_test(samples/${sample}/${name} 120 COST 50)
  endif()
endforeach()

if(NOH_BENCH)
  file(GLOB bench_scripts CONFIGURE_DEPENDS tests/bench/*.sh tests/bench/*.py)
endif()
foreach(file IN LISTS bench_scripts)
  cmake_path(GET file STEM name)
  add_test(NAME bench/${name} COMMAND ${file} ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
  set_test(bench/${name} 120 COST 50)
endforeach()

# The program in README.md is one more sample, and what README.md says it prints is compared too.
set(readme_block ${PROJECT_SOURCE_DIR}/tests/support/readme_block.sh)
add_custom_command(
  OUTPUT readme.c readme.expected
  COMMAND ${readme_block} c > readme.c
  COMMAND ${readme_block} > readme.expected
  DEPENDS ${PROJECT_SOURCE_DIR}/README.md ${readme_block})
add_executable(readme readme.c readme.expected)
target_link_libraries(readme PRIVATE noh)
add_test(NAME samples/readme
         COMMAND ${PROJECT_SOURCE_DIR}/tests/support/same_output.sh $<TARGET_FILE:readme>
                 ${CMAKE_CURRENT_BINARY_DIR}/readme.expected)
set_test(samples/readme 60)

# ---- the sources themselves, which no sanitizer changes; `./dev check` asks clang, too -----------

if(NOT NOH_SANITIZE AND CMAKE_C_COMPILER_ID STREQUAL "GNU")
  add_test(NAME layers COMMAND ${PROJECT_SOURCE_DIR}/tests/layers_test.sh)
  add_test(NAME headers COMMAND ${PROJECT_SOURCE_DIR}/tests/headers_test.sh ${CMAKE_C_COMPILER})
  add_test(NAME declarations
           COMMAND ${PROJECT_SOURCE_DIR}/tests/declarations_test.sh ${CMAKE_C_COMPILER})
  add_test(NAME guarantees COMMAND ${PROJECT_SOURCE_DIR}/tests/guarantees_test.sh)
  set_test(layers 60)
  set_test(headers 60)
  set_test(declarations 60)
  set_test(guarantees 60)
  add_test(NAME dev COMMAND ${PROJECT_SOURCE_DIR}/tests/dev_test.sh)
  set_test(dev 60)
  add_test(NAME readme COMMAND ${PROJECT_SOURCE_DIR}/tests/readme_test.sh ${CMAKE_BINARY_DIR})
  set_test(readme 240 PROCESSORS 2)
endif()
