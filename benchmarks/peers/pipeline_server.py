"""The server that people write first: a Transformers pipeline behind FastAPI, a text a request.

Run: ``python -m benchmarks.peers.pipeline_server MODEL PORT --threads 2 --max-length 96 --prefix "Film review: "``. The endpoint is a
plain function, which FastAPI runs in a pool of threads; with ``--asynchronous`` a coroutine, which answers one text after the other.
"""

from __future__ import annotations

import argparse

import torch
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from transformers import pipeline

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("model")
parser.add_argument("port", type=int)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--max-length", type=int, default=512)
parser.add_argument("--prefix", default="")
parser.add_argument("--asynchronous", action="store_true")
arguments = parser.parse_args()

torch.set_num_threads(arguments.threads)
classify = pipeline("text-classification", model=arguments.model, tokenizer=arguments.model, device="cpu")
app = FastAPI()


class Review(BaseModel):
    text: str


def answer(review: Review) -> dict[str, object]:
    text = arguments.prefix + review.text
    [found] = classify(text, truncation=True, max_length=arguments.max_length)
    return {"label": found["label"], "score": found["score"]}


async def answer_in_turn(review: Review) -> dict[str, object]:
    return answer(review)


app.post("/predict")(answer_in_turn if arguments.asynchronous else answer)
uvicorn.run(app, port=arguments.port, log_level="warning")
