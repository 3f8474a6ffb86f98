# 常用命令；运行 make help 查看。 Common commands; `make help` lists them.
# Nothing here asks a question. Everything is installed into .venv, from lock files whose hashes are checked.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTHON ?=
WORKERS ?= 2
PYTEST_ARGS ?=
.DEFAULT_GOAL := help
.PHONY: help demo up test check fmt bench docs soak lock clean

# The first interpreter that is new enough: the user's own choice of `python3` wins over version numbers.
define FIND_PYTHON
python="$(PYTHON)"; \
for candidate in python3 python3.14 python3.13 python3.12 python3.11 python; do \
  [ -z "$$python" ] || break; \
  if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then python="$$candidate"; fi; \
done; \
if [ -z "$$python" ] || ! "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
  echo "需要 Python 3.11 或更新版本（可用 make PYTHON=/路径/python3 指定）/ Python 3.11 or newer is needed (name one: make PYTHON=/path/python3); python3 here: $$(python3 --version 2>&1 || echo none)" >&2; \
  exit 1; \
fi
endef

help: ## 显示本说明 | Show this help
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(STAMP) ## 启动平台和模拟设备群，打印控制台链接 | Start the platform with its simulated fleet, print the console link
	@$(BIN)/opensom demo

up: $(STAMP) ## 只启动平台 | Start the platform alone
	@$(BIN)/opensom up

test: $(STAMP) ## 运行全部测试（不含长时测试） | Run all tests but the long ones
	@$(BIN)/pytest -n $(WORKERS) --dist loadfile -m "not soak" $(PYTEST_ARGS)

check: $(STAMP) ## 检查风格、类型、模块边界和内务规则 | Check style, types, walls between modules and house rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/pytest tests/house

fmt: $(STAMP) ## 整理代码格式 | Format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(STAMP) ## 运行性能测试，结果写入 var/bench | Run the benchmarks, results in var/bench
	@mkdir -p var/bench
	@$(BIN)/opensom bench ingest --json var/bench/ingest.json
	@$(BIN)/opensom bench gateway --json var/bench/gateway.json

docs: $(STAMP) ## 检查文档：链接、术语、决策记录 | Check the documents: links, terms, decision records
	@$(BIN)/pytest tests/house/test_documents.py

soak: $(STAMP) ## 运行长时测试（数小时） | Run the long tests (hours)
	@$(BIN)/pytest -m soak $(PYTEST_ARGS)

lock: $(STAMP) ## 重新生成锁定文件 | Write the lock files again
	@printf 'setuptools>=78\nuv\n' | $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate - -o bootstrap.lock
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --group pyproject.toml:dev pyproject.toml -o requirements.lock

clean: ## 删除环境和缓存，保留 var/ 中的数据 | Remove the environment and caches; data in var/ stays
	@rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# uv and setuptools come first, by pip; then uv installs the rest, about five times faster than pip would.
$(STAMP): requirements.lock bootstrap.lock pyproject.toml
	@[ -x $(BIN)/python ] || { $(FIND_PYTHON); \
	  echo "正在准备运行环境 .venv（仅首次，约一分钟）/ Preparing .venv (once, about a minute) ..."; \
	  "$$python" -m venv $(VENV) || { rm -rf $(VENV); exit 1; }; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r bootstrap.lock
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes bootstrap.lock requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@
