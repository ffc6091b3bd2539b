import { render } from "preact";
import { App } from "./App";
import "./styles/base.css";
import "./styles/columns.css";
import "./styles/rules.css";
import "./styles/texts.css";
import "./styles/numbers.css";

const root = document.getElementById("app");
if (root) render(<App />, root);
